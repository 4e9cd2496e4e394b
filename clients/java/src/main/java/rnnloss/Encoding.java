package rnnloss;

/** How tensors go over the wire. The answers have the same bits either way. */
public enum Encoding {
  /** As they lie in memory, which is the default. */
  SAFETENSORS("application/vnd.safetensors"),
  /** As decimals: slow and large, but people can read it. */
  JSON("application/json");

  private final String mediaType;

  Encoding(String mediaType) {
    this.mediaType = mediaType;
  }

  String mediaType() {
    return mediaType;
  }
}
