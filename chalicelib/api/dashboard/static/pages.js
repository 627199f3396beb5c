// Moments are in UTC as the server writes them; here they get the reader's own time beside it.
for (const each of document.querySelectorAll("time[datetime*='T']")) {
  const at = new Date(each.dateTime);
  if (!Number.isNaN(at.valueOf())) {
    const own = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    each.textContent = `${own} (${each.textContent})`;
  }
}

// A form is sent once: a second click on a slow line must not do it twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "post") {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  }
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// A draft that outgrows its address is not sent, for the gateway would refuse it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const longest = Number(form.dataset.longest);
  const draft = new URLSearchParams(longest ? new FormData(form) : "").toString();
  // Browsers send line ends as two characters.
  if (draft.replaceAll(/(%0D)?%0A/g, "%0D%0A").length > longest) {
    event.preventDefault();
    const note = form.querySelector("[role=alert]");
    note.hidden = false;
    note.scrollIntoView();
  }
});

// What is wrong with a form stands at its fields too; the first of them has the cursor.
const refused = [...document.forms].filter(
  (form) => new URL(form.action).pathname === location.pathname,
);
let firstFault = null;
for (const fault of document.querySelectorAll("template[data-fault]")) {
  const { fault: name, form: kind } = fault.dataset;
  const field = refused
    .filter((form) => (form.elements.do?.value ?? "") === kind)
    .flatMap((form) => [...form.elements])
    .find((each) => each.name === name && each.type !== "hidden");
  if (field) {
    const note = document.createElement("p");
    note.className = "fault";
    note.id = `fault-${name}`;
    note.textContent = fault.content.textContent;
    field.after(note);
    field.setAttribute("aria-invalid", "true");
    const described = field.getAttribute("aria-describedby");
    field.setAttribute("aria-describedby", described ? `${described} ${note.id}` : note.id);
    firstFault ??= field;
  }
}
firstFault?.focus();

// Weights that must add up show their sum while they are typed.
for (const sum of document.querySelectorAll("output[data-sum-of]")) {
  const fields = () => document.querySelectorAll(`input[data-part-of="${sum.dataset.sumOf}"]`);
  const renew = () => {
    const total = [...fields()].reduce((so_far, field) => so_far + Number(field.value || 0), 0);
    if (sum.dataset.blank && [...fields()].every((field) => !field.value)) {
      sum.textContent = sum.dataset.blank;
      sum.classList.remove("bad");
      return;
    }
    sum.textContent = `${Math.round(total * 1e6) / 1e6} of ${sum.dataset.whole}`;
    sum.classList.toggle("bad", Math.abs(total - Number(sum.dataset.whole)) > 1e-6);
  };
  document.addEventListener("input", renew);
  renew();
}

// What is folded is printed too.
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details:not([open])")) {
    each.open = true;
    each.dataset.printed = "yes";
  }
});
window.addEventListener("afterprint", () => {
  for (const each of document.querySelectorAll("details[data-printed]")) {
    each.open = false;
    delete each.dataset.printed;
  }
});
