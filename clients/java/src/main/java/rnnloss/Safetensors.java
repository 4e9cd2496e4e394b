package rnnloss;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An answer in safetensors. All of its header is checked before any of it is used: the tensors must
 * lie side by side and fill the file, each as large as its dtype and shape say.
 */
final class Safetensors {
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /**
   * Reads a file.
   *
   * @throws IllegalArgumentException if it breaks a rule of its format
   * @throws IllegalStateException if its header's members are not what they must be
   */
  Safetensors(ByteBuffer file) {
    ByteBuffer bytes = file.slice().order(ByteOrder.LITTLE_ENDIAN);
    require(bytes.remaining() >= Long.BYTES, "it is shorter than 8 bytes");
    long size = bytes.getLong();
    require(size >= 0 && size <= bytes.remaining(), "its header is longer than the file");
    Json header = JsonReader.read(Part.bytes(bytes, 0, (int) size));
    readAll(header.members(), Part.bytes(bytes, (int) size, bytes.remaining() - (int) size));
  }

  Map<String, String> metadata() {
    return metadata;
  }

  /** The tensors of the four dtypes by name, in the header's order; others are left out. */
  Map<String, Tensor> tensors() {
    return tensors;
  }

  private void readAll(Map<String, Json> header, ByteBuffer data) {
    List<long[]> places = new ArrayList<>();
    header.forEach(
        (name, entry) -> {
          if (name.equals("__metadata__")) {
            entry.members().forEach((key, value) -> metadata.put(key, value.asString()));
          } else {
            places.add(readOne(name, entry, data));
          }
        });
    requireFilled(places, data.remaining());
  }

  /** Reads a header's entry; returns where its data begins and ends. */
  private long[] readOne(String name, Json entry, ByteBuffer data) {
    List<Json> offsets = entry.get("data_offsets").items();
    require(offsets.size() == 2, name + " has no two offsets");
    long begin = offsets.get(0).asLong();
    long end = offsets.get(1).asLong();
    require(0 <= begin && begin <= end && end <= data.remaining(), name + " lies beyond the file");
    long[] shape = entry.get("shape").items().stream().mapToLong(Json::asLong).toArray();
    String dtype = entry.get("dtype").asString();
    for (DType known : DType.values()) {
      if (known.name().equals(dtype)) {
        require(known.bytes(shape) == end - begin, name + " has another size than its shape");
        ByteBuffer elements = Part.bytes(data, (int) begin, (int) (end - begin));
        tensors.put(name, Tensor.of(known, elements, shape));
      }
    }
    return new long[] {begin, end};
  }

  private static void requireFilled(List<long[]> places, long size) {
    places.sort(Comparator.<long[]>comparingLong(p -> p[0]).thenComparingLong(p -> p[1]));
    long end = 0;
    for (long[] place : places) {
      require(place[0] == end, "tensors overlap, or there is a hole between them");
      end = place[1];
    }
    require(end == size, "there is something after the last tensor");
  }

  private static void require(boolean right, String otherwise) {
    if (!right) {
      throw new IllegalArgumentException("no safetensors: " + otherwise);
    }
  }
}
