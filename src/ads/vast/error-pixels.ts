import { type PixelContext, PixelQueue, type PixelQueueOptions } from './pixel-queue.js'

export type ErrorPixelOptions = PixelQueueOptions

export type { PixelContext } from './pixel-queue.js'

/** Calls `<Error>` URLs. */
export class ErrorPixels extends PixelQueue {
  /** Reports an error to each URL, `[ERRORCODE]` and the other macros replaced. Returns at once, and never throws. */
  fire(urls: Iterable<string>, code: number, pixel: PixelContext = {}): void {
    this.call(urls, 'error', { ...pixel, values: { ...pixel.values, ERRORCODE: code } })
  }
}
