// Says that a page could not begin, where one of its modules or what they wait for did not come. It is no module itself,
// so that it needs none of them.
(() => {
  function show() {
    const main = document.getElementById("main");
    const waiting = document.querySelectorAll("main[aria-busy=true], #rows[aria-busy=true]");
    if (!waiting.length || document.getElementById("failure")) return;
    const part = document.createElement("section");
    Object.assign(part, { id: "failure", className: "panel" });
    const add = (tag, text) => part.appendChild(Object.assign(document.createElement(tag), { textContent: text }));
    add("h2", "This page could not be loaded");
    add("p", "There is no connection, or the service does not answer at the moment.");
    Object.assign(add("button", "Try again"), { type: "button", className: "main", onclick: () => location.reload() });
    main.prepend(part);
    for (const each of waiting) each.setAttribute("aria-busy", "false");
    document.getElementById("spoken").textContent = part.innerText;
  }
  addEventListener("unhandledrejection", show);
  // A module that does not come is an event of its element, which does not bubble.
  addEventListener("error", ({ target, error }) => (error || target.tagName === "SCRIPT") && show(), true);
})();
