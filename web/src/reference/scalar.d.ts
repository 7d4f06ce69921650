// The build copies Scalar's script (web/vite.config.js).
declare module 'virtual:scalar' {
  const url: string;
  export default url;
}
