window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: "/api/openapi.json",
    dom_id: "#documents",
    deepLinking: true,
    validatorUrl: null,
  });
});
