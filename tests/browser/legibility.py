"""What can be read and followed by eye, as WCAG 2.1 AA measures it: 4.5:1 for text (1.4.3), 3:1 for the focus (1.4.11)."""

_MEASURES = """
const parts = colour => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return {r, g, b, a} };
const light = ({r, g, b}) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
const contrast = (one, other) => {
  const [dark, bright] = [light(parts(one)), light(parts(other))].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (parts(colour).a === 1) return colour;
  }
  return "rgb(255, 255, 255)";
};
"""
_FAINT_TEXTS = f"""() => {{ {_MEASURES}
  return [...document.querySelectorAll("body *")]
    .filter(one => [...one.childNodes].some(child => child.nodeType === 3 && child.data.trim()) && one.checkVisibility())
    .map(one => [one.textContent.trim().slice(0, 40), contrast(getComputedStyle(one).color, behind(one)).toFixed(2)])
    .filter(([, ratio]) => ratio < 4.5);
}}"""
_FOCUS = f"""() => {{ {_MEASURES}
  const one = document.activeElement, style = getComputedStyle(one);
  one.scrollIntoView({{block: "nearest", behavior: "instant"}});
  const box = one.getBoundingClientRect();
  const beside = document.elementFromPoint(box.left - 4, box.top + box.height / 2) || one.parentElement;
  const ratio = style.outlineStyle === "solid" ? contrast(style.outlineColor, behind(beside)) : 0;
  const place = [...document.querySelectorAll("*")].indexOf(one);
  return one === document.body ? null : [place, one.textContent.trim().slice(0, 40) || one.name, ratio.toFixed(2)];
}}"""


def faint_texts(page):
    """Texts that stand out too little from what is behind them, each with its contrast."""
    return page.evaluate(_FAINT_TEXTS)


def focused_by_tab(page, most=40):
    """What Tab leads to, one after the other and once round, each with the contrast of its outline."""
    found = {}
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUS)
        if focused and focused[0] in found:
            break
        if focused:  # Between the last and the first the browser's own buttons have it.
            found[focused[0]] = focused[1:]
    return list(found.values())


def faint_focuses(page):
    """Where the focus is hardly seen."""
    focused = focused_by_tab(page)
    assert len(focused) > 3, focused
    return [one for one in focused if float(one[1]) < 3]
