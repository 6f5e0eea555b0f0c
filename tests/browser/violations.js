// Basic rules of accessibility, as a page can check them itself: returns what breaks them.
() => {
  const found = [];
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (rule, element) =>
    found.push(element ? `${rule}: ${element.outerHTML.slice(0, 160)}` : rule);
  const text = (element) => (element.innerText || element.textContent || "").trim();
  const referred = (element, attribute) =>
    element.getAttribute(attribute).split(/\s+/).map((id) => document.getElementById(id));
  const name = (element) => {
    if (element.hasAttribute("aria-labelledby"))
      return referred(element, "aria-labelledby").map((e) => (e ? text(e) : "")).join(" ").trim();
    return (
      (element.getAttribute("aria-label") || "").trim() ||
      [...(element.labels || [])].map(text).join(" ").trim() ||
      (element.matches("a, button, summary") ? text(element) : "") ||
      (element.getAttribute("title") || "").trim()
    );
  };
  const forbid = (rule, selector, bad) =>
    all(selector).filter(bad).forEach((element) => say(rule, element));
  const twice = (values) => values.filter((value, at) => values.indexOf(value) !== at);

  if (!document.documentElement.lang) say("no language");
  if (!document.title.trim()) say("no title");
  for (const landmark of ["h1", "main"])
    if (all(landmark).length !== 1) say(`${all(landmark).length} of ${landmark}`);

  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    if (Number(heading.tagName[1]) > level + 1) say("heading level skipped", heading);
    level = Number(heading.tagName[1]);
  }
  forbid("empty heading", "h1, h2, h3, h4, h5, h6", (e) => !text(e));

  twice(all("[id]").map((e) => e.id)).forEach((id) => say(`id twice: ${id}`));
  twice(all("nav").map(name)).forEach((label) => say(`two navigations are called: ${label}`));
  forbid("landmark without a name", "nav, aside, [role=region]", (e) => !name(e));
  forbid("image without alt", "img", (e) => !e.hasAttribute("alt"));
  forbid("drawing neither named nor hidden", "svg", (e) => !e.closest("[aria-hidden=true]") && !name(e));
  forbid("field without a label", "input:not([type=hidden]), select, textarea", (e) => !name(e));
  forbid("control without a name", "a[href], button, summary", (e) => !name(e));
  forbid("label for nothing", "label[for]", (e) => !document.getElementById(e.htmlFor));
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"])
    forbid(`${attribute} leads nowhere`, `[${attribute}]`, (e) =>
      referred(e, attribute).includes(null));

  forbid("tab order is forced", "[tabindex]", (e) => e.tabIndex > 0);
  const controls = "a[href], button, input, select, textarea";
  forbid("hidden but reachable", `[aria-hidden=true] :is(${controls})`, (e) => e.tabIndex >= 0);
  forbid("scrolls but cannot be reached", "body *", (e) => {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
    const hidden = e.scrollWidth > e.clientWidth + 1;
    return scrolls && hidden && e.tabIndex < 0 && !all(controls, e).length;
  });

  forbid("table without headings", "table", (e) => !all("th[scope]", e).length);
  forbid("not an item of a list", ":is(ul, ol) > *", (e) => e.tagName !== "LI");
  forbid("questions without a legend", "fieldset", (e) => !all("legend", e).length);
  return found;
}
