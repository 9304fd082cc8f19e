/* Puts a figure that can be zoomed, read and switched in the place of each still one. The data stand beside it as JSON;
   all text goes into the page as text, never as markup. dygraphs draws; ranges, ticks and readout are made here. */
"use strict";
(() => {
  const MINUS = "\u2212";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const number = value => {
    if (!Number.isFinite(value)) return "not finite";
    const size = Math.abs(value);
    const text = size !== 0 && (size < 5e-4 || size >= 1e7) ? size.toExponential(2).replace("e+", "e")
      : Number.isInteger(size) ? String(size) : size.toFixed(size < 100 ? 3 : 1);
    return (value < 0 ? MINUS : "") + text.replace("-", MINUS);
  };

  /* ---- scales: an axis is worked on as it is drawn, so a logarithmic one by its logarithms ---- */
  const onto = log => (log ? Math.log10 : value => value);
  const back = log => (log ? value => 10 ** value : value => value);
  const LARGEST = 1e300, EDGE = 1e304; /* of what is drawn, as in the still figures; of the ends of an axis */
  const drawable = (value, log) => Number.isFinite(value) && Math.abs(value) <= LARGEST && (!log || value > 0);
  const bounded = value => Math.min(Math.max(value, -EDGE), EDGE);

  const superscript = power =>
    [...String(power)].map(sign => (sign === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[sign])).join("");

  const linearTicks = (low, high, most) => {
    const rough = (high - low) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(k => k * power).find(size => size >= rough * 0.999);
    const decimals = Math.min(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), 20), ticks = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step && ticks.length < 100; k++) {
      const size = Math.abs(k * step);
      const label = size >= 1e7 || (decimals > 6 && size > 0) ? size.toExponential(2).replace("e+", "e") : size.toFixed(decimals);
      ticks.push({ v: k * step, label: (k < 0 ? MINUS : "") + label.replace("-", MINUS) });
    }
    return ticks;
  };

  /* Powers of ten, and twice and five times these where there is room; over less than a decade and a bit, even steps. */
  const logTicks = (low, high, most) => {
    const decades = Math.log10(high / low), stride = Math.max(1, Math.ceil(decades / most - 0.1)), ticks = [];
    if (decades < 1.3) return linearTicks(low, high, most);
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const digit of decades <= most / 3 ? [1, 2, 5] : [1]) {
        const v = digit * 10 ** power;
        if (v < low * 0.999 || v > high * 1.001 || power % stride !== 0) continue;
        const plain = power >= -3 && power <= 4;
        ticks.push({ v, label: plain ? String(Number(v.toPrecision(3))) : (digit === 1 ? "" : digit + "\u00d7") + "10" + superscript(power) });
      }
    return ticks.length > 1 ? ticks : linearTicks(low, high, most);
  };

  /* ---- one figure ---- */
  const build = figure => {
    const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    data.series.forEach((series, i) => {
      if (!("level" in series) && !series.x) series.x = data.series[i - 1].x;
      series.shown = true;
    });
    const curves = data.series.filter(series => series.x && series.x.length);
    const state = { logX: data.x.log, logY: data.y.log, x: null, y: null };
    const colour = series => {
      if ("level" in series) return css("--reference");
      return css("--series-" + series.colour.slice(1)) || series.colour;
    };
    const dash = series => ("level" in series ? [5, 4] : series.dash.split(" ").filter(Boolean).map(Number));

    /* What all of it spans: means in full, bands by half as much again at most, as the still figures do. */
    const fullX = () => {
      let low = Infinity, high = -Infinity;
      for (const series of curves)
        series.x.forEach(x => {
          if (!drawable(x, state.logX)) return;
          low = Math.min(low, x);
          high = Math.max(high, x);
        });
      if (!(low <= high)) return state.logX ? [1, 10] : [0, 1];
      /* dygraphs writes no label at the very end of an axis. */
      const to = onto(state.logX), from = back(state.logX);
      if (low < high) return [low, from(to(high) + 0.002 * (to(high) - to(low)))];
      return state.logX ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
    };
    const fullY = () => {
      const to = onto(state.logY), from = back(state.logY);
      const visible = data.series.filter(series => series.shown);
      let low = Infinity, high = -Infinity;
      const include = value => {
        if (!drawable(value, state.logY)) return;
        low = Math.min(low, to(value));
        high = Math.max(high, to(value));
      };
      for (const series of visible) "level" in series ? include(series.level) : series.mean.forEach(include);
      if (!(low <= high)) return [from(0), from(1)];
      const room = (high - low) / 2, least = low - room, most = high + room;
      for (const series of visible)
        if (series.low)
          series.mean.forEach((mean, i) => {
            if (!drawable(mean, state.logY)) return;
            if (drawable(series.low[i], state.logY)) low = Math.min(low, Math.max(to(series.low[i]), least));
            if (drawable(series.high[i], state.logY)) high = Math.max(high, Math.min(to(series.high[i]), most));
          });
      if (data.focus && !state.logY) {
        if (high > data.focus[1] && low < data.focus[1]) high = data.focus[1];
      }
      const margin = 0.04 * (high - low) || 0.5;
      return [bounded(from(low - margin)), bounded(from(high + margin))];
    };

    /* One table of all points: [x, [low, mean, high] ...]; null where a curve has no point, NaN where it has a gap. */
    const table = () => {
      const rows = new Map();
      const usable = x => drawable(x, state.logX);
      const row = x => {
        if (!rows.has(x)) rows.set(x, [x, ...data.series.map(() => null)]);
        return rows.get(x);
      };
      const gap = [NaN, NaN, NaN];
      data.series.forEach((series, s) => {
        if ("level" in series) return;
        (series.x || []).forEach((x, i) => {
          if (!usable(x)) return;
          const mean = series.mean[i];
          if (!drawable(mean, state.logY)) {
            row(x)[s + 1] = gap;
            return;
          }
          let low = series.low ? series.low[i] : null, high = series.high ? series.high[i] : null;
          if (low === null || low === undefined || high === null || high === undefined) low = high = mean;
          if (state.logY && low <= 0) low = mean * 1e-6;
          row(x)[s + 1] = [low, mean, high];
        });
      });
      const [left, right] = fullX();
      row(left);
      row(right);
      const out = [...rows.values()].sort((a, b) => a[0] - b[0]);
      data.series.forEach((series, s) => {
        if (!("level" in series) || !drawable(series.level, state.logY)) return;
        for (const entry of out) entry[s + 1] = [series.level, series.level, series.level];
      });
      return out;
    };

    /* ---- the controls ---- */
    const plot = make("div", { class: "plot", tabindex: "0", role: "application", "aria-roledescription": "figure",
      "aria-label": data.title, "aria-describedby": "figures-help" });
    const where = make("p", { class: "where" });
    const list = make("div", { class: "series" });
    const groups = new Map();
    data.series.forEach((series, s) => {
      const name = series.group || "";
      if (!groups.has(name)) {
        const set = make("fieldset");
        set.append(make("legend", name ? {} : { class: "hidden" }, name || "curves"));
        groups.set(name, set);
        list.append(set);
      }
      const box = make("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        series.shown = box.checked;
        graph.setVisibility(s, box.checked);
      });
      const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      sample.setAttribute("viewBox", "0 0 28 12");
      sample.setAttribute("aria-hidden", "true");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("d", "M0 6h28");
      line.setAttribute("stroke-width", "2.5");
      sample.append(line);
      series.paint = () => {
        line.setAttribute("stroke", colour(series));
        line.setAttribute("stroke-dasharray", dash(series).join(" "));
      };
      series.paint();
      series.output = make("output");
      groups.get(name).append(make("label", {}, box, sample, make("span", {}, series.label), series.output));
    });
    const button = (text, action) => {
      const element = make("button", { type: "button" }, text);
      element.addEventListener("click", action);
      return element;
    };
    const toggle = (text, key, possible) => {
      const box = make("input", { type: "checkbox" });
      box.checked = state[key];
      box.disabled = !possible && !state[key];
      box.addEventListener("change", () => {
        state[key] = box.checked;
        redraw();
      });
      return make("label", {}, box, text);
    };
    const some = test => curves.some(test);
    const tools = make("div", { class: "tools", role: "group", "aria-label": "View" },
      button("Zoom in", () => zoom(0.5)), button("Zoom out", () => zoom(2)), button("Show all", () => show(fullX(), fullY())),
      toggle("log x", "logX", some(series => series.x.some(x => x > 0))),
      toggle("log y", "logY", some(series => series.mean.some(y => y > 0))));
    const stage = make("div", { class: "stage" },
      make("div", {}, tools, make("div", { class: "axis-y" }, data.y.label), plot, make("div", { class: "axis-x" }, data.x.label)),
      make("div", {}, where, list));
    figure.append(stage);
    figure.classList.add("drawn");

    /* ---- view ---- */
    const show = (x, y) => graph.updateOptions({ dateWindow: x, valueRange: y });
    const scaled = (range, log, change) => {
      const to = onto(log), from = back(log);
      const moved = change(to(range[0]), to(range[1])).map(from);
      return moved.every(value => drawable(value, log)) && moved[1] - moved[0] > 1e-12 * Math.abs(moved[1]) ? moved : range;
    };
    const zoom = factor => {
      const about = (low, high) => {
        const middle = (low + high) / 2, half = ((high - low) / 2) * factor;
        return [middle - half, middle + half];
      };
      show(scaled(state.x, state.logX, about), scaled(state.y, state.logY, about));
    };
    const move = (across, up) => {
      const by = share => (low, high) => [low + share * (high - low), high + share * (high - low)];
      show(scaled(state.x, state.logX, by(across)), scaled(state.y, state.logY, by(up)));
    };

    /* ---- readout ---- */
    const nearest = (xs, x) => {
      let low = 0, high = xs.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (xs[middle] <= x) low = middle;
        else high = middle;
      }
      return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
    };
    const read = x => {
      state.at = x;
      where.textContent = (data.x.label || "x") + " " + number(x);
      for (const series of data.series) {
        let text = "";
        if ("level" in series) text = number(series.level);
        else if (series.x && series.x.length && x >= series.x[0] && x <= series.x[series.x.length - 1]) {
          const i = nearest(series.x, x), mean = series.mean[i];
          text = mean === null ? "not finite" : number(mean);
          if (mean !== null && series.low && series.low[i] !== null && series.high[i] !== null) {
            const half = (series.high[i] - series.low[i]) / 2;
            const even = Math.abs(series.high[i] - mean - half) <= 1e-3 * Math.max(half, 1e-3);
            text += even ? " \u00b1 " + number(half) : " [" + number(series.low[i]) + ", " + number(series.high[i]) + "]";
          }
        }
        series.output.textContent = text;
      }
    };
    const forget = () => {
      where.textContent = "";
      for (const series of data.series) series.output.textContent = "";
    };
    const stepReadout = direction => {
      const xs = [...new Set(curves.flatMap(series => series.x))]
        .filter(x => x >= state.x[0] && x <= state.x[1] && drawable(x, state.logX)).sort((a, b) => a - b);
      if (!xs.length) return;
      const at = state.at === undefined ? (direction > 0 ? -1 : xs.length) : nearest(xs, state.at);
      where.setAttribute("aria-live", "polite");
      read(xs[Math.min(Math.max(at + direction, 0), xs.length - 1)]);
      graph.setSelection(rowOf(state.at));
    };
    const rowOf = x => {
      for (let row = 0; row < graph.numRows(); row++) if (graph.getValue(row, 0) === x) return row;
      return false;
    };

    /* ---- drawing ---- */
    const atX = (g, area, x) => area.x + g.toPercentXCoord(x) * area.w;
    const atY = (g, area, y) => area.y + g.toPercentYCoord(y) * area.h;
    const stretches = (context, area, g) => {
      context.save();
      context.font = "12px " + getComputedStyle(plot).fontFamily;
      context.textAlign = "center";
      (data.spans || []).forEach((span, i) => {
        const low = Math.max(atX(g, area, span.low), area.x), high = Math.min(atX(g, area, span.high), area.x + area.w);
        if (!(low <= high)) return;
        if (span.low === span.high) {
          context.strokeStyle = css("--reference");
          context.setLineDash([2, 3]);
          context.beginPath();
          context.moveTo(low, area.y);
          context.lineTo(low, area.y + area.h);
          context.stroke();
          return;
        }
        context.fillStyle = css("--span");
        if (i % 2) context.fillRect(low, area.y, high - low, area.h);
        context.fillStyle = css("--soft");
        if (context.measureText(span.label).width < high - low - 6) context.fillText(span.label, (low + high) / 2, area.y + 14);
      });
      context.restore();
    };
    /* A cross where a curve stops being finite, as in the still figures. */
    const crosses = (context, area, g) => {
      context.save();
      context.lineWidth = 2;
      context.setLineDash([]);
      for (const series of curves) {
        const usable = series.mean.map((mean, i) => drawable(mean, state.logY) && drawable(series.x[i], state.logX));
        const last = usable.lastIndexOf(true);
        if (!series.shown || last < 0 || series.mean[series.mean.length - 1] !== null) continue;
        const x = atX(g, area, series.x[last]), y = atY(g, area, series.mean[last]);
        if (x < area.x || x > area.x + area.w || y < area.y || y > area.y + area.h) continue;
        context.strokeStyle = colour(series);
        context.beginPath();
        for (const slope of [-1, 1]) {
          context.moveTo(x - 5, y - 5 * slope);
          context.lineTo(x + 5, y + 5 * slope);
        }
        context.stroke();
      }
      context.restore();
    };
    const ticker = (key, room, apart) => (low, high, pixels) => {
      const to = onto(state[key]), ticks = (state[key] ? logTicks : linearTicks)(low, high, Math.max(2, Math.floor(pixels / room)));
      let last = -Infinity;
      return ticks.filter(tick => {
        const at = ((to(tick.v) - to(low)) / (to(high) - to(low))) * pixels, clear = at - last >= apart;
        if (clear) last = at;
        return clear;
      });
    };
    const looks = () => ({
      colors: data.series.map(colour),
      axisLineColor: css("--soft"),
      gridLineColor: css("--grid"),
      gridLineWidth: 1,
    });
    const redraw = () => {
      graph.updateOptions({ file: table(), logscale: state.logY,
        axes: { x: { logscale: state.logX }, y: {} }, dateWindow: fullX(), valueRange: fullY() });
    };
    const model = Dygraph.defaultInteractionModel;
    const names = data.series.map((series, s) => "s" + s);
    const graph = new Dygraph(plot, table(), {
      ...looks(),
      labels: ["x", ...names],
      series: Object.fromEntries(data.series.map((series, s) => [names[s],
        { strokePattern: dash(series).length ? dash(series) : null, strokeWidth: "level" in series ? 1.4 : 2,
          drawPoints: !("level" in series) && series.mean.length < 3, pointSize: 3 }])),
      customBars: true,
      connectSeparatedPoints: true,
      fillAlpha: 0.14,
      legend: "never",
      logscale: state.logY,
      axes: { x: { logscale: state.logX, ticker: ticker("logX", 70, 44), axisLabelWidth: 60 },
        y: { ticker: ticker("logY", 40, 18), axisLabelWidth: 56 } },
      dateWindow: fullX(),
      valueRange: fullY(),
      highlightCircleSize: 3,
      underlayCallback: (context, area, g) => {
        stretches(context, area, g);
        crosses(context, area, g);
      },
      drawCallback: g => {
        state.x = g.xAxisRange();
        state.y = g.yAxisRange();
      },
      highlightCallback: (event, x) => {
        where.removeAttribute("aria-live");
        read(x);
      },
      unhighlightCallback: forget,
      /* Touch is left to the browser, so that a page on a telephone scrolls; a tap reads the values. */
      interactionModel: { willDestroyContextMyself: true, mousedown: model.mousedown, dblclick: () => show(fullX(), fullY()) },
    });
    dark.addEventListener("change", () => {
      data.series.forEach(series => series.paint());
      graph.updateOptions({ ...looks(), dateWindow: state.x, valueRange: state.y });
    });
    plot.addEventListener("keydown", event => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const keys = {
        ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0), ArrowUp: () => move(0, 0.15),
        ArrowDown: () => move(0, -0.15), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2),
        "0": () => show(fullX(), fullY()), ",": () => stepReadout(-1), ".": () => stepReadout(1),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  };

  document.documentElement.classList.add("scripted");
  const folded = () => document.querySelectorAll("#ran details.long");
  folded().forEach(list => (list.open = false));
  addEventListener("beforeprint", () => folded().forEach(list => {
    list.dataset.open = list.open;
    list.open = true;
  }));
  addEventListener("afterprint", () => folded().forEach(list => (list.open = list.dataset.open === "true")));
  /* One figure at a time, so that a page of many can be read from the start. */
  const waiting = [...document.querySelectorAll(".figure")];
  const next = () => {
    const figure = waiting.shift();
    if (!figure) return;
    try {
      build(figure);
    } catch (fault) {
      /* The still figure stays. */
      figure.classList.remove("drawn");
      figure.querySelector(".stage")?.remove();
      console.error(fault);
    }
    setTimeout(next);
  };
  next();
})();
