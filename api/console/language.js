// Chinese or English: as chosen at the last visit, else as the browser is set.

const KEY = "console.language";
const known = localStorage.getItem(KEY) ?? navigator.language;

export const language = known.toLowerCase().startsWith("zh") ? "zh" : "en";
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

/** What is said, in the language of the page. */
export const t = (chinese, english) => (language === "zh" ? chinese : english);

/** The word of a pair; what no table knows is shown as it is. */
export const word = (table, name) => (Object.hasOwn(table, name) ? t(...table[name]) : String(name));

/** Says everything in the other language, from here on. */
export function switchLanguage() {
  localStorage.setItem(KEY, language === "zh" ? "en" : "zh");
  location.reload();
}
