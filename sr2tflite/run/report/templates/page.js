"use strict";
(() => {
  const viewer = document.getElementById("viewer");
  if (!viewer) return;
  const part = (name) => viewer.querySelector(`[data-part="${name}"]`);
  const sheets = [...document.querySelectorAll("[data-sheet]")];
  const pictures = (sheet) => [...sheet.querySelectorAll("img[data-rendering]")];
  const stage = part("stage");
  const range = part("range");
  const left = part("left");
  const right = part("right");
  const canvas = part("map");
  const shades = canvas.dataset.palette.split(",").map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  let sheet = 0;

  const move = () => {
    stage.style.setProperty("--at", `${range.value}%`);
    const names = [left, right].map((choice) => choice.selectedOptions[0].textContent);
    range.setAttribute("aria-valuetext", `${range.value} % ${names[0]}, ${100 - range.value} % ${names[1]}`);
  };

  const pixels = (image, side) => {
    const sketch = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
    sketch.drawImage(image, 0, 0, side, side);
    return sketch.getImageData(0, 0, side, side).data;
  };

  const shade = (share) => {
    const at = share * (shades.length - 1);
    const low = Math.min(Math.floor(at), shades.length - 2);
    return shades[low].map((value, channel) => value + (shades[low + 1][channel] - value) * (at - low));
  };

  const draw = (one, other, names) => {
    const side = one.naturalWidth;
    const [a, b] = [pixels(one, side), pixels(other, side)];
    const apart = new Uint8Array(side * side);
    let sum = 0;
    let most = 0;
    for (let at = 0; at < apart.length; at += 1) {
      let largest = 0;
      for (let channel = 0; channel < 3; channel += 1) {
        largest = Math.max(largest, Math.abs(a[4 * at + channel] - b[4 * at + channel]));
      }
      apart[at] = largest;
      sum += largest;
      most = Math.max(most, largest);
    }
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(side, side);
    for (let at = 0; at < apart.length; at += 1) {
      picture.data.set([...shade(apart[at] / Math.max(most, 1)).map(Math.round), 255], 4 * at);
    }
    context.putImageData(picture, 0, 0);
    const told = `mean ${(sum / apart.length).toFixed(2)}, at most ${most} of 255`;
    part("map-text").textContent = `|${names[0]} − ${names[1]}|: ${told}`;
    part("map-most").textContent = String(most);
    canvas.setAttribute("aria-label", `Error map: ${names[0]} against ${names[1]}, ${told}`);
  };

  const decoded = (image) => (image.complete ? Promise.resolve() : image.decode());

  const show = () => {
    const shown = pictures(sheets[sheet]);
    const chosen = [left, right].map((choice) => shown[choice.selectedIndex]);
    const name = sheets[sheet].dataset.sheet;
    ["under", "over"].forEach((layer, index) => {
      const image = chosen[1 - index];
      part(layer).src = image.src;
      part(layer).alt = image.alt;
    });
    const names = [left, right].map((choice) => choice.selectedOptions[0].textContent);
    ["left", "right"].forEach((end, index) => {
      part(`${end}-name`).textContent = names[index];
      part(`${end}-figures`).textContent = chosen[index].dataset.figures;
    });
    part("image").textContent = name;
    part("all").replaceChildren(...shown.map((image, index) => {
      const row = document.createElement("div");
      const [term, figures] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = left.options[index].textContent;
      figures.textContent = image.dataset.figures || "–";
      row.append(term, figures);
      return row;
    }));
    range.setAttribute("aria-label", `${name}: ${names[0]} on the left, ${names[1]} on the right`);
    thumbs.forEach((thumb, index) => thumb.setAttribute("aria-pressed", String(index === sheet)));
    move();
    Promise.all(chosen.map(decoded)).then(() => draw(chosen[0], chosen[1], names));
  };

  const thumbs = sheets.map((one, index) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    const source = pictures(one).at(-1);
    button.type = "button";
    image.src = source.src;
    image.alt = one.dataset.sheet;
    image.width = image.height = 64;
    button.append(image);
    button.title = one.dataset.sheet;
    button.addEventListener("click", () => {
      sheet = index;
      show();
    });
    part("thumbs").append(button);
    return button;
  });

  range.addEventListener("input", move);
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  part("swap").addEventListener("click", () => {
    [left.selectedIndex, right.selectedIndex] = [right.selectedIndex, left.selectedIndex];
    show();
  });
  show();
})();
