// An invoice as a PDF: CPU-bound work, done in a thread.
// @ts-check
import { buffer } from 'node:stream/consumers';
import PDFDocument from 'pdfkit';

const LINES = 12;
const PRICE = 9.9;

/** @param {import('./classedService.mjs').Order} order @returns {Promise<import('./classedService.mjs').Invoiced>} */
export default async function invoice(order) {
  const document = new PDFDocument({ size: 'A5', info: { Title: `Invoice ${order.id}` } });
  document.fontSize(20).text(`Invoice ${order.id}`).moveDown();
  document.fontSize(11).text(`For ${order.email}`).moveDown();
  for (let line = 1; line <= LINES; line++) {
    document.text(`${line}.  ${order.item}, volume ${line}`).moveUp().text(PRICE.toFixed(2), { align: 'right' });
  }
  document
    .moveDown()
    .text(`Total ${(LINES * PRICE).toFixed(2)}`, { align: 'right' })
    .end();
  return { ...order, pdf: await buffer(document) };
}
