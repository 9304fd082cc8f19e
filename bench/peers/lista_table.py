#!/usr/bin/env python3
"""A table of what bench/lista.sh measured: the least time of all turns, and what it is of the matrix library's."""

import json
import sys

GIGAFLOP = (2 * 2 * 128 * 250 * 500 + 45 * 2 * 128 * 500 * 500) / 1e9  # 2 g1 + 45 g2


def main(paths):
    least, losses = {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        name = " ".join([report["program"].split()[0], report.get("form", "")]).strip()
        losses[name] = (report["loss"], report["gradient_norm"])
        for what in ("products", "training", "inference"):
            if what in report:
                key = ("matrix library" if what == "products" else name, what)
                least[key] = min(least.get(key, 1e300), report[what]["wall_least_ms"])
    reference = losses["l2o"]
    for name, numbers in losses.items():
        for ours, theirs in zip(reference, numbers):
            if abs(ours - theirs) > 1e-4 * abs(ours):
                sys.exit(f"{name} computes other numbers than l2o: {numbers} and {reference}")
    rate = GIGAFLOP / least["matrix library", "products"] * 1e3 if ("matrix library", "products") in least else None
    for (name, what), time in sorted(least.items(), key=lambda item: (item[0][1], item[1])):
        line = f"{what:10s} {name:18s} {time:9.2f} ms"
        if what != "inference":
            line += f"  {GIGAFLOP / time * 1e3:7.1f} GF/s of dense products"
            line += f"  {100 * GIGAFLOP / time * 1e3 / rate:5.0f} % of the matrix library" if rate else ""
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
