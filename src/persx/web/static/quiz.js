/* A quiz goes on where it stands: what comes next, and what the answer changes on the page, is put
   in place. Where that fails, the form is sent as without scripts. */
(function () {
  "use strict";
  var going = false;
  addEventListener("submit", function (event) {
    var quiz = event.target;
    if (!quiz.matches || !quiz.matches("form[data-quiz]")) return;
    event.preventDefault();
    if (going) return;
    going = true;
    var pressed = event.submitter;
    var told = new FormData(quiz);
    if (pressed && pressed.name) told.append(pressed.name, pressed.value);
    var block = told.get("block");
    quiz.setAttribute("aria-busy", "true");
    fetch(quiz.getAttribute("action"), { method: "POST", body: new URLSearchParams(told) })
      .then(function (answer) {
        if (!answer.ok && answer.status !== 422) throw new Error("Answered " + answer.status);
        return answer.text();
      })
      .then(function (text) {
        var next = new DOMParser().parseFromString(text, "text/html");
        var part = next.getElementById(block);
        if (!part) throw new Error("No quiz came back");
        ["#content", ".exposure"].forEach(function (selector) {
          var now = document.querySelector(selector);
          var then = next.querySelector(selector);
          if (now && then) now.replaceWith(document.importNode(then, true));
        });
        var shown = document.getElementById(block);
        var first = shown.querySelector("legend, .thanks");
        if (first) {
          first.tabIndex = -1;
          first.focus({ preventScroll: true });
        }
        going = false;
      })
      .catch(function () {
        going = false;
        if (pressed && pressed.name) {
          var field = document.createElement("input");
          field.type = "hidden";
          field.name = pressed.name;
          field.value = pressed.value;
          quiz.append(field);
        }
        quiz.submit();
      });
  });
})();
