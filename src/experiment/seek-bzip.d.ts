declare module 'seek-bzip' {
  /** Bytes in (`readByte`, at the end -1 or an error) or out (`writeByte`). */
  class Stream {
    readByte: () => number;
    writeByte: (byte: number) => void;
  }
  const Bunzip: {
    readonly Stream: typeof Stream;
    decode(input: Stream, output: Stream, multistream?: boolean): void;
  };
  export default Bunzip;
}
