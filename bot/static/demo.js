// The page for the city's web editor: the chosen attributes become the widget beside them, and the line to copy.

const form = document.getElementById("try");
const events = document.getElementById("events");

function show() {
  document.querySelector("neuvo-chat")?.remove();
  document.querySelector("script[data-widget]")?.remove();
  const script = document.createElement("script");
  const chosen = [...new FormData(form)].filter(([, value]) => value).map(([name, value]) => [name, value === "on" ? "" : value]);
  const text = chosen.map(([name, value]) => (value ? ` data-${name}="${value}"` : ` data-${name}`)).join("");
  document.getElementById("code").textContent =
    `<script src="${location.origin}/widget.js"${text} defer></script>\n<noscript><a href="${location.origin}/hours">Neuvo</a></noscript>`;
  const chat = document.createElement("neuvo-chat");
  for (const [name, value] of chosen) chat.setAttribute(name, value);
  document.body.append(chat);
  if (customElements.get("neuvo-chat")) return;
  script.src = "/widget.js";
  script.dataset.widget = "";
  document.head.append(script);
}

form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
for (const name of ["neuvo-opened", "neuvo-message", "neuvo-handoff"])
  document.addEventListener(name, ({ detail }) => {
    const line = document.createElement("li");
    line.textContent = `${name} ${JSON.stringify(detail)}`;
    events.append(line);
  });
show();
