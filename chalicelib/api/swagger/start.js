// Shows the document that the page names; in a file of its own so that the page may forbid scripts within.
const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: new URL(place.dataset.document, location.href).href,
  domNode: place,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  filter: true,
});
