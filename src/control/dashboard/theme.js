const ORDER = ['system', 'light', 'dark']
const KEY = 'headgate-theme'

/**
 * The button that goes through the themes. The choice is kept for this browser.
 * @param {HTMLButtonElement} button
 * @param {() => void} onChange colours are others now
 */
export function themeSwitch(button, onChange) {
  const show = (/** @type {string} */ theme) => {
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
    button.textContent = `Theme: ${theme}`
  }
  let theme = ORDER.includes(localStorage.getItem(KEY) ?? '') ? localStorage.getItem(KEY) : 'system'
  show(theme)
  button.addEventListener('click', () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length]
    localStorage.setItem(KEY, theme)
    show(theme)
    onChange()
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange)
}

/** A colour of the theme in force. @param {string} name of the custom property, without dashes */
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
