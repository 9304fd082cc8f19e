/* What a reader of a report does, done by events in the page itself; tests/report_page.sh puts this after the page's own
   scripts and reads the outcome, a line for each check, from the element "outcome" (or hands it to the frame around). */
"use strict";
(() => {
  const lines = [];
  const check = (name, holds, detail = "") => lines.push((holds ? "ok " : "FAILED ") + name + (holds ? "" : ": " + detail));
  const mode = document.documentElement.dataset.mode;
  const figure = document.querySelector(".figure"), plot = figure.querySelector(".plot"); /* the first is drawn at once */
  const canvases = () => [...plot.querySelectorAll("canvas")];
  const pixels = () => canvases().map(canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
  const painted = () => pixels().reduce((sum, data) => sum + data.filter((value, i) => i % 4 === 3 && value > 0).length, 0);
  const count = ([r, g, b]) => {
    let sum = 0;
    for (const data of pixels())
      for (let i = 0; i < data.length; i += 4)
        sum += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
    return sum;
  };
  const labels = axis => [...plot.querySelectorAll(".dygraph-axis-label-" + axis)].map(label => label.textContent).join(" ");
  const view = () => labels("x") + " | " + labels("y");
  const press = key => plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const button = text => [...figure.querySelectorAll("button")].find(element => element.textContent === text);
  const box = text => [...figure.querySelectorAll("label")].find(label => label.textContent.includes(text)).querySelector("input");
  const mouse = (type, target, share, y = 0.5, more = {}) => {
    const area = plot.getBoundingClientRect();
    target.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, view: window, detail: 1,
      clientX: area.left + share * area.width, clientY: area.top + y * area.height, ...more }));
  };

  /* ---- contrast, as WCAG counts it ---- */
  const numbers = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = colour => {
    const [r, g, b] = numbers(colour).map(value => value / 255)
      .map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = element => {
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const checkContrast = () => {
    for (const selector of ["h1", ".summary", ".note", "a[href='#tables']", "td .value", ".half", ".small", ".agrees",
      ".better", ".worse", "td.best .value", ".series span", ".dygraph-axis-label", "button", "#ran dt", "footer p"]) {
      const element = document.querySelector(selector), ratio = element ? contrast(element) : 0;
      check("contrast of " + selector, ratio >= 4.5, ratio.toFixed(2));
    }
    check("the ground of the page", ground(document.body) === (mode === "dark" ? "rgb(20, 23, 27)" : "rgb(255, 255, 255)"),
      ground(document.body));
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
    check("the ink of the mode", ink === (mode === "dark" ? "#e3e7eb" : "#1c2127"), ink);
    /* What must be told from the ground without being text: the curves. */
    for (const sample of figure.querySelectorAll(".series path")) {
      const probe = document.createElement("i");
      probe.style.color = sample.getAttribute("stroke");
      figure.append(probe);
      check("contrast of a curve " + sample.getAttribute("stroke"), contrast(probe) >= 2, contrast(probe).toFixed(2));
      probe.remove();
    }
  };

  const checkFigures = () => {
    const figures = [...document.querySelectorAll(".figure")];
    check("every figure is drawn", figures.length === 5 && figures.every(one => one.matches(".drawn") && one.querySelector("canvas")));
    check("the canvas is not empty", painted() > 1000, String(painted()));
    check("the still figure is out of sight", getComputedStyle(figure.querySelector(".still")).display === "none");
    check("the still figure is there for printing", figure.querySelectorAll(".still svg path").length > 10);

    const orange = [213, 94, 0], before = count(orange), curve = box("Direct Transfer");
    curve.click();
    check("a checkbox hides its curve", before > 20 && count(orange) === 0, before + " -> " + count(orange));
    curve.click();
    check("and shows it again", count(orange) === before, String(count(orange)));

    const start = view();
    plot.focus();
    check("a figure takes the focus", document.activeElement === plot);
    check("the focus is seen", plot.matches(":focus-visible") && getComputedStyle(plot).outlineStyle === "solid");
    press("+");
    const closer = view();
    check("+ zooms in", closer !== start, closer);
    press("ArrowRight");
    const moved = labels("x");
    check("an arrow moves along x", moved !== closer.split(" | ")[0], moved);
    press("ArrowUp");
    check("an arrow moves along y", labels("y") !== closer.split(" | ")[1]);
    press("ArrowDown");
    press("ArrowLeft");
    check("and back", view() === closer, view());
    press("-");
    check("- zooms out", view() !== closer, view());
    press("0");
    check("0 shows all", view() === start, view());
    button("Zoom in").click();
    check("a button zooms in", view() === closer, view());
    button("Zoom out").click();
    button("Show all").click();
    check("a button shows all", view() === start, view());

    const canvas = canvases()[canvases().length - 1];
    mouse("mousedown", canvas, 0.3);
    mouse("mousemove", document, 0.5, 0.52);
    mouse("mousemove", document, 0.6, 0.52);
    mouse("mouseup", document, 0.6, 0.52);
    check("dragging zooms", labels("x") !== start.split(" | ")[0], labels("x"));
    box("ISTA").click();
    check("a checkbox leaves the view", view() !== start);
    box("ISTA").click();
    mouse("dblclick", canvas, 0.5);
    check("a double click shows all", view() === start, view());

    const outputs = () => [...figure.querySelectorAll("output")].map(output => output.textContent);
    check("no values at first", outputs().every(text => text === ""), outputs().join());
    mouse("mousemove", canvas, 0.5);
    check("pointing reads the values", outputs().every(text => text !== "") && /^step \d/.test(figure.querySelector(".where").textContent),
      figure.querySelector(".where").textContent + ": " + outputs().join());
    check("with their intervals", /^\u2212\d\.\d{3} \u00b1 0\.\d{3}$/.test(outputs()[0]), outputs()[0]);
    mouse("mouseout", canvas, 1.5, 0.5, { relatedTarget: document.body });
    check("and leaving forgets them", outputs().every(text => text === ""), outputs().join());
    press(".");
    const first = figure.querySelector(".where").textContent;
    press(".");
    check("the keyboard steps through the values", first !== "" && figure.querySelector(".where").textContent !== first, first);

    const logX = box("log x"), logY = box("log y");
    logX.click();
    check("log x", labels("x") !== start.split(" | ")[0] && labels("x").startsWith("1"), labels("x"));
    logX.click();
    check("and linear again", view() === start, view());
    logY.click();
    check("log y", labels("y") !== start.split(" | ")[1] && !labels("y").includes("\u2212"), labels("y"));
    logY.click();
    check("and linear again", view() === start, view());
    const controls = [...document.querySelectorAll("a[href], button, input, summary, .scroll, .plot")];
    check("all controls are reached by the keyboard", controls.length > 60 && controls.every(control => control.tabIndex === 0));
    const nameless = [...document.querySelectorAll("button, input[type=checkbox], .plot, .scroll")].filter(control => !(control.getAttribute("aria-label") ||
      (control.labels?.[0] || document.getElementById(control.getAttribute("aria-labelledby")) || control).textContent.trim()));
    check("all controls have a name", nameless.length === 0, nameless.map(control => control.outerHTML.slice(0, 80)).join());
  };

  const checkStructure = () => {
    check("a title and a language", document.title.startsWith("Table 1") && document.documentElement.lang === "en");
    check("one heading of the first level", document.querySelectorAll("h1").length === 1);
    check("tables have captions", [...document.querySelectorAll("table")].every(table => table.caption?.textContent));
    check("headers have a scope", [...document.querySelectorAll("th")].every(header => header.scope));
    const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
    check("ids differ", new Set(ids).size === ids.length);
    const cell = document.querySelector("tbody tr:nth-child(3) td:nth-child(5)") &&
      document.querySelectorAll("#tables table")[0].rows[3].cells[4];
    check("a cell has mean, intervals, the paper's number and a verdict",
      /\u22123\.340 \u00b1\s0\.\d+.*\u00b1\s0\.\d+ over seeds.*paper \u22123\.300 agrees/s.test(cell.textContent), cell.textContent);
    check("the best of a row is marked", document.querySelectorAll("#tables table")[0].querySelectorAll("td.best").length === 5);
    check("claims hold or do not", [...document.querySelectorAll(".claims .verdict")].map(word => word.textContent).join() ===
      "holds,holds,does not hold,does not hold");
    check("settings are there, and folded", document.querySelector("#ran details.long:not([open])")?.textContent.includes("lambda"));
  };

  const checkHostile = () => {
    check("nothing from the file runs", window.hit === undefined, String(window.hit));
    check("the title is text", document.title.startsWith("</title><script>") && document.querySelector("h1").textContent === document.title);
    check("no element came from the file", document.querySelectorAll("img, main script:not([type]), [onload], [onerror]").length === 0);
    check("labels are text", figure.querySelector(".series").textContent.includes("<img src=x onerror=window.hit='label'>"));
    check("every figure is drawn", [...document.querySelectorAll(".figure")].every(one => one.matches(".drawn")));
    const last = [...document.querySelectorAll(".figure")].pop();
    const ticks = [...last.querySelectorAll(".dygraph-axis-label-y")].map(label => label.textContent).join(" ");
    check("a curve that runs away does not flatten the others", /\u22122/.test(ticks) && !/e/.test(ticks), ticks);
    for (const input of document.querySelectorAll("input:not(:disabled)")) {
      input.click();
      input.click();
    }
    for (const one of document.querySelectorAll(".plot"))
      for (const key of ["+", "ArrowLeft", ".", ",", "-", "0"])
        one.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  };

  const checkNarrow = () => {
    const page = document.documentElement;
    check("the window is narrow", innerWidth === 360, String(innerWidth));
    check("the page does not scroll sideways", page.scrollWidth <= 360, String(page.scrollWidth));
    const wide = [...document.querySelectorAll("body *")].filter(element => !element.closest(".scroll, .hidden, .skip") &&
      element.getClientRects().length > 0 && element.getBoundingClientRect().right > 360.5);
    check("nothing sticks out", wide.length === 0, wide.slice(0, 3).map(element => element.tagName + "." + element.className).join());
    const scroll = document.querySelector("#tables .scroll");
    check("a wide table scrolls in its box", scroll.scrollWidth > scroll.clientWidth + 100);
    const overlaps = [...document.querySelectorAll(".plot")].filter(one => {
      const ends = [...one.querySelectorAll(".dygraph-axis-label-x")].map(label => {
        const range = document.createRange();
        range.selectNodeContents(label);
        return range.getBoundingClientRect();
      });
      return ends.length < 2 || ends.some((end, i) => i > 0 && end.left < ends[i - 1].right + 3);
    });
    check("labels of an axis do not touch", overlaps.length === 0, String(overlaps.length));
    check("figures have room", plot.getBoundingClientRect().width > 280, String(plot.getBoundingClientRect().width));
  };

  const checkTraining = () => {
    const cells = row => [...document.querySelectorAll("#tables table")[0].rows[row].cells].map(cell => cell.textContent.trim());
    check("stages of the curriculum", document.querySelectorAll("#tables table")[0].rows.length === 4 && cells(1)[2] === "12" &&
      cells(1)[3] === "60" && cells(2)[7] === "1", cells(1).join() + " / " + cells(2).join());
    check("recoveries and their reasons", document.querySelectorAll("#tables table")[1].textContent.includes("not a number"));
    check("three figures", document.querySelectorAll(".figure.drawn canvas").length >= 3);
    check("stages stand in the still figure", /stage 1.*stage 2.*stage 3/s.test(figure.querySelector(".still").textContent));
    check("and are tinted in the drawn one", count([0, 114, 178]) > 20 && painted() > 20000, String(painted()));
    check("a positive loss is on a logarithmic axis", box("log y").checked);
  };

  const checkAll = () => {
    try {
      if (mode === "hostile") checkHostile();
      else if (mode === "narrow") checkNarrow();
      else if (mode === "training") checkTraining();
      else {
        checkContrast();
        checkStructure();
        checkFigures();
      }
    } catch (fault) {
      check("the test itself", false, fault.stack);
    }
    check("no errors", window.faults.length === 0, window.faults.join(" / "));
    check("nothing is fetched", performance.getEntriesByType("resource").length === 0);
    const outcome = document.createElement("pre");
    outcome.id = "outcome";
    outcome.textContent = "\n" + lines.join("\n") + "\n";
    document.body.append(outcome);
    if (parent !== window) parent.postMessage(outcome.textContent, "*");
  };

  /* Figures are drawn one after another; what is not drawn after a while never will be. */
  let patience = 100;
  const wait = () => (document.querySelector(".figure:not(.drawn)") && patience-- > 0 ? setTimeout(wait, 20) : checkAll());
  wait();
})();
