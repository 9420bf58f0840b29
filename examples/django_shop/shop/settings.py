"""Settings of the shop, from its environment. libpq reads PGHOST, PGUSER and their like by itself."""

from __future__ import annotations

import os

SECRET_KEY = os.environ["SHOP_SECRET_KEY"]
ALLOWED_HOSTS = os.environ.get("SHOP_HOSTS", "127.0.0.1").split(",")
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "shop"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["SHOP_DATABASE"],
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

# Where the carts are. checkout is given the same address as its CHECKOUT_REDIS_URL.
SHOP_REDIS_URL = os.environ["SHOP_REDIS_URL"]
# Who takes orders: the article's view as `naive` or `optimistic`, nobody (`closed`), or `checkout`.
SHOP_ORDERS = os.environ.get("SHOP_ORDERS", "optimistic")

CHECKOUT_URL = os.environ.get("CHECKOUT_URL", "http://127.0.0.1:8000")
CHECKOUT_JWT_SECRET = os.environ.get("CHECKOUT_JWT_SECRET", "")
CHECKOUT_EVENTS_URL = os.environ.get("CHECKOUT_EVENTS_URL", "")
