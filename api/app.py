"""The Falcon application, put together from the route table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import falcon
import falcon.asgi
from falcon.asgi import Request, Response
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from api import documents, parameters, problems
from api.front import ROUTE, Front
from api.leaving import Leaving
from api.routes import ROUTES, Route
from api.runtime import Runtime
from checkout import logs, memory, settings
from checkout.errors import CheckoutError, Unavailable
from checkout.traces import spans

# All that is served: the table's documents tell of it, so it cannot know them.
TABLE = (*ROUTES, *documents.routes(ROUTES))


class _Lifespan:
    """Starts and stops the runtime with the server."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        await self._runtime.start()

    async def process_shutdown(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        await self._runtime.stop()
        await asyncio.to_thread(spans.stop)


def create_app(runtime: Runtime) -> falcon.asgi.App[Any, Any]:
    """An application that starts and stops its runtime."""
    config = runtime.settings
    middleware: list[Any] = [_Lifespan(runtime)]
    if config.cors_origins:
        origins = "*" if "*" in config.cors_origins else config.cors_origins
        # By Date, which the server itself sends, a page counts the time that is left to pay.
        exposed = ["Date", *parameters.SENT]
        middleware.append(falcon.CORSMiddleware(allow_origins=origins, expose_headers=exposed))
    app = falcon.asgi.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = False
    for path in dict.fromkeys(route.path for route in TABLE):
        # What is resolved may have slashes in its name.
        app.add_route(
            path.replace("{subject}/resolve", "{subject:path}"),
            _resource(runtime, [route for route in TABLE if route.path == path]),
        )
    app.add_error_handler(Exception, problems.on_any_error)
    app.add_error_handler(falcon.HTTPError, problems.on_http_error)
    app.add_error_handler(SQLAlchemyError, problems.on_database_error)
    app.add_error_handler(RedisError, _on_redis_error)
    app.add_error_handler(CheckoutError, problems.on_checkout_error)
    return app


def _resource(runtime: Runtime, routes: Sequence[Route]) -> object:
    """Falcon looks for on_get, on_post, … on one object a path."""
    responders = {f"on_{route.method.lower()}": _responder(runtime, route) for route in routes}
    return type("Resource", (), responders)()


def _responder(runtime: Runtime, route: Route) -> Any:
    handler, path = route.handler, route.path

    async def respond(_self: object, req: Request, resp: Response, **parameters: str) -> None:
        req.scope[ROUTE] = path
        await handler(runtime, req, resp, **parameters)

    return respond


async def _on_redis_error(req: Request, resp: Response, _error: RedisError, params: dict[str, Any]) -> None:
    await problems.on_checkout_error(req, resp, Unavailable("the cart is away; try again"), params)


def app() -> Front:
    """What the server runs in each of its processes."""
    logs.configure()
    spans.start(settings.current(), "api")
    runtime = Runtime(settings.current())
    application = create_app(runtime)
    leaving: Any = Leaving(runtime)  # Falcon's types want every method of a middleware.
    application.add_middleware(leaving)
    memory.settle()
    return Front(application)
