/* What the site adds where scripts run. Every page is complete without it. */
(function () {
  "use strict";
  var body = document.body;

  function send(path, report) {
    try {
      return navigator.sendBeacon(path, JSON.stringify(report));
    } catch (error) {
      return false;
    }
  }

  /* Uncaught errors of our own scripts, five a page at most: kind and place, no words. */
  var errors = 0;
  function report(error, place, line) {
    var found = /^\/static\/[\w./-]+/.exec(String(place).split(location.origin)[1]);
    if (found && errors++ < 5) {
      send("/v1/client-error", {
        kind: String((error && error.name) || "Error"),
        source: found[0],
        line: line
      });
    }
  }
  addEventListener("error", function (event) {
    report(event.error, event.filename, event.lineno);
  });
  addEventListener("unhandledrejection", function (event) {
    report(event.reason, event.reason && event.reason.stack, 0);
  });

  /* The first storage layer: the state that the server knows, for this tab. */
  var state = document.getElementById("persx-state");
  if (state) {
    try {
      sessionStorage.setItem("persx-state", state.textContent);
    } catch (error) {
      /* Storage is full or not allowed: cookie and database still hold. */
    }
  } else {
    /* Nothing may be kept of this visitor, or no longer. */
    try {
      sessionStorage.removeItem("persx-state");
    } catch (error) {
      /* It is not allowed, so there is nothing. */
    }
  }

  /* The start form shows the goals and tools of the chosen industry only. */
  var form = document.querySelector("form[data-start]");
  if (form) {
    var filter = function () {
      var chosen = form.querySelector("input[name=industry]:checked");
      form.querySelectorAll("fieldset[data-industry]").forEach(function (group) {
        var shown = chosen !== null && group.dataset.industry === chosen.value;
        group.hidden = !shown;
        group.disabled = !shown;
      });
      form.dataset.ready = "";
    };
    form.addEventListener("change", filter);
    addEventListener("pageshow", filter);
    filter();
  }

  /* What went wrong is read first, wherever on the page it is. */
  var problem = document.querySelector(".form-error[role=alert]");
  if (problem) {
    problem.tabIndex = -1;
    problem.focus({ preventScroll: true });
    problem.scrollIntoView({ block: "center" });
  }

  /* On a narrow screen the navigation shows where the visitor is. */
  var here = document.querySelector(".site-nav [aria-current]");
  var nav = document.querySelector(".site-nav");
  if (here && here.offsetLeft + here.offsetWidth > nav.clientWidth) nav.scrollLeft = nav.scrollWidth;

  /* A menu closes with Escape and with a click elsewhere. */
  var menus = document.querySelectorAll("details.locale");
  addEventListener("keydown", function (event) {
    menus.forEach(function (menu) {
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    });
  });
  addEventListener("click", function (event) {
    menus.forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  /* Visible time on the page, told once it is left. */
  if (body.hasAttribute("data-beacons")) {
    var since = document.visibilityState === "visible" ? performance.now() : null;
    var spent = 0;
    var settle = function () {
      if (since !== null) spent += performance.now() - since;
      since = document.visibilityState === "visible" ? performance.now() : null;
    };
    document.addEventListener("visibilitychange", settle);
    addEventListener("pageshow", function (event) {
      if (event.persisted) {
        spent = 0;
        since = performance.now();
      }
    });
    addEventListener("pagehide", function () {
      settle();
      send("/v1/beacon", {
        type: "time_on_page",
        page: body.dataset.page,
        path: location.pathname,
        seconds: Math.round(spent / 100) / 10
      });
    });
  }
})();
