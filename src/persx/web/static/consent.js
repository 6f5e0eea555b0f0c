/* Tells persx what this page's own consent manager was answered. It stores nothing in the browser.

   <script src="/static/consent.js" data-from="tcf gpp google" defer></script>

   Other managers call persx.consent({analytics: true, …}) or, in their own words,
   persx.consentCategories({C0002: true, …}), which the workspace's consent.categories maps. */
(function () {
  "use strict";
  var script = document.currentScript;
  var persx = (window.persx = window.persx || {});
  var queue = Promise.resolve();
  var latest = "";

  function send(body) {
    var text = JSON.stringify(body);
    if (text === latest) return queue;
    latest = text;
    /* One after the other, so that the last answer is the one that holds. */
    queue = queue.then(function () {
      return fetch("/v1/consent", {
        method: "POST",
        body: text,
        credentials: "same-origin",
        keepalive: true
      })
        .then(function (answer) {
          return answer.json().then(function (told) {
            if (!answer.ok) throw new Error(told.message);
            document.dispatchEvent(new CustomEvent("persx-consent", { detail: told.granted }));
            return told.granted;
          });
        })
        .catch(function (error) {
          if (latest === text) latest = "";
          console.warn("persx did not take the consent: " + error.message);
          return null;
        });
    });
    return queue;
  }

  function body(field, answers, options) {
    var made = { source: (options && options.source) || "consent manager" };
    made.version = (options && options.version) || "";
    made[field] = answers;
    if (options && options.erase) made.erase = true;
    return made;
  }

  /* What is granted (true) or denied (false), by purpose; a promise of what holds then. */
  persx.consent = function (purposes, options) {
    return send(body("purposes", purposes, options));
  };

  /* The same by the categories of the manager. */
  persx.consentCategories = function (categories, options) {
    return send(body("categories", categories, options));
  };

  /* IAB TCF v2: purposes 1 to 11 are the categories tcf:1 to tcf:11. */
  function tcf(api) {
    api("addEventListener", 2, function (data, known) {
      var answered = data && /^(tcloaded|useractioncomplete)$/.test(data.eventStatus);
      if (!known || !answered || data.gdprApplies === false) return;
      var consents = (data.purpose && data.purpose.consents) || {};
      var told = {};
      for (var purpose = 1; purpose <= 11; purpose++) {
        told["tcf:" + purpose] = consents[purpose] === true;
      }
      var version = "policy " + data.tcfPolicyVersion;
      persx.consentCategories(told, { source: "IAB TCF", version: version });
    });
  }

  /* IAB GPP, the sections of the United States: an opt-out in any of them counts. */
  var GPP = {
    SaleOptOut: "gpp:sale",
    SharingOptOut: "gpp:sharing",
    TargetedAdvertisingOptOut: "gpp:advertising"
  };

  function gpp(api) {
    function read(ping) {
      if (!ping || ping.signalStatus !== "ready") return;
      var told = {};
      Object.keys(ping.parsedSections || {}).forEach(function (name) {
        [].concat(ping.parsedSections[name]).forEach(function (part) {
          Object.keys(GPP).forEach(function (field) {
            var value = part && part[field];
            if (value === 1) told[GPP[field]] = false;
            if (value === 2 && told[GPP[field]] === undefined) told[GPP[field]] = true;
          });
        });
      });
      if (Object.keys(told).length) persx.consentCategories(told, { source: "IAB GPP" });
    }
    api("addEventListener", function (event) {
      if (event && event.eventName === "signalStatus" && event.data === "ready") api("ping", read);
    });
    api("ping", read);
  }

  /* Google consent mode: updates are answers, defaults are none. */
  function google(layer) {
    var known = {};
    function read(entry) {
      if (!entry || entry[0] !== "consent" || entry[1] !== "update" || !entry[2]) return;
      Object.keys(entry[2]).forEach(function (name) {
        var value = entry[2][name];
        if (value === "granted" || value === "denied") known["google:" + name] = value === "granted";
      });
      if (Object.keys(known).length) {
        persx.consentCategories(Object.assign({}, known), { source: "Google consent mode" });
      }
    }
    Array.prototype.forEach.call(layer, read);
    var push = layer.push;
    layer.push = function () {
      var result = push.apply(layer, arguments);
      Array.prototype.forEach.call(arguments, read);
      return result;
    };
  }

  /* Managers put their function there before anything else, or while the page loads. */
  function listen(name, take) {
    if (typeof window[name] === "function") take(window[name]);
    else {
      addEventListener("load", function () {
        if (typeof window[name] === "function") take(window[name]);
      });
    }
  }

  var from = ((script && script.dataset.from) || "").split(/\s+/);
  if (from.indexOf("tcf") >= 0) listen("__tcfapi", tcf);
  if (from.indexOf("gpp") >= 0) listen("__gpp", gpp);
  if (from.indexOf("google") >= 0) google((window.dataLayer = window.dataLayer || []));
})();
