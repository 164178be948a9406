/** A live view of a monitor in a terminal. Node only. */
export { frame, type FrameOptions, type SeenStall } from './frame.js';
export type { TerminalOutput } from './screen.js';
export { terminal, type ShownMonitor, type TerminalOptions } from './terminal.js';
