// The document of this very service, shown by Swagger UI. A token that is typed in stays in this page.

const dark = matchMedia("(prefers-color-scheme: dark)");

function followTheScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", followTheScheme);
followTheScheme();

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // Or another host would be asked whether the document is right.
});
