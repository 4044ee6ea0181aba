/** What all calls and messages carry: 100 bytes of text. */
export const PAYLOAD = 'The quick brown fox jumps over the lazy dog, then once more, because it was such good fun to do so. '
