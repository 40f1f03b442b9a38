declare module 'seek-bzip' {
  /** Bytes in (`readByte`, `eof`) or out (`writeByte`). */
  class Stream {
    readByte: () => number;
    eof: () => boolean;
    writeByte: (byte: number) => void;
  }
  const Bunzip: {
    readonly Stream: typeof Stream;
    decode(input: Stream, output: Stream, multistream?: boolean): void;
  };
  export default Bunzip;
}
