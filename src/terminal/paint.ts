/** Text with a style, or without one where there are no colours. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_, text) => text;

/** Whether there are colours has been decided: `styleText` is not to ask stdout. */
export const coloured: Paint = (style, text) => (text === '' ? '' : styleText(style, text, { validateStream: false }));
