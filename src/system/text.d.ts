/**
 * Files imported as text. The bundler goes by the extension and drops `?raw`; the test runner goes by `?raw`: so one import serves both.
 */
declare module '*.sql?raw' {
  const text: string
  export default text
}
declare module '*.html?raw' {
  const text: string
  export default text
}
