package rnnloss;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A request's body, with or without claims. */
final class Encoder {
  private Encoder() {}

  /** The body, in parts of which those of tensors are not copied. */
  static List<Part> body(LossRequest request, Claims claims, Tolerance tolerance) {
    return request.encoding() == Encoding.JSON
        ? json(request, claims, tolerance)
        : safetensors(request, claims, tolerance);
  }

  private static List<Part> json(LossRequest request, Claims claims, Tolerance tolerance) {
    Map<String, Object> members = new LinkedHashMap<>(request.options()); // a digest comes first
    members.put("lambdas", request.lambdas());
    members.put("tensors", request.tensors());
    if (claims != null) {
      members.put("claims", claims.nested());
    }
    if (tolerance != null) {
      members.put("tolerance", tolerance.members());
    }
    return List.of(Part.of(JsonWriter.text(members).getBytes(StandardCharsets.UTF_8)));
  }

  private static List<Part> safetensors(LossRequest request, Claims claims, Tolerance tolerance) {
    Map<String, Tensor> tensors = new LinkedHashMap<>(request.tensors());
    if (claims != null) {
      claims.byPath().forEach((path, value) -> tensors.put("claims." + path, tensor(value)));
    }
    Map<String, Object> header = new LinkedHashMap<>();
    header.put("__metadata__", metadata(request, tolerance));
    List<Part> parts = new ArrayList<>();
    long end = 0;
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      Part part = entry.getValue().part();
      header.put(entry.getKey(), entry(entry.getValue(), end, end + part.length()));
      end += part.length();
      parts.add(part);
    }
    parts.add(0, Part.of(framed(JsonWriter.text(header))));
    return parts;
  }

  private static Map<String, Object> entry(Tensor tensor, long begin, long end) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("dtype", tensor.dtype());
    entry.put("shape", boxed(tensor.shape()));
    entry.put("data_offsets", List.of(begin, end));
    return entry;
  }

  private static Tensor tensor(Object claim) {
    return claim instanceof Tensor
        ? (Tensor) claim
        : Tensor.f64(DoubleBuffer.wrap(new double[] {(Double) claim}));
  }

  private static Map<String, String> metadata(LossRequest request, Tolerance tolerance) {
    Map<String, String> metadata = new LinkedHashMap<>();
    request.lambdas().forEach((name, value) -> metadata.put(name, value.toString()));
    request.options().forEach((name, value) -> metadata.put(name, joined(value)));
    if (tolerance != null) {
      tolerance
          .members()
          .forEach(
              (name, value) ->
                  metadata.put(name.equals("dtype") ? "tolerance_dtype" : name, value.toString()));
    }
    return metadata;
  }

  private static String joined(Object value) {
    if (value instanceof Collection) {
      List<String> names = new ArrayList<>();
      ((Collection<?>) value).forEach(name -> names.add(name.toString()));
      return String.join(",", names);
    }
    return value.toString();
  }

  static List<Long> boxed(long[] values) {
    List<Long> list = new ArrayList<>();
    for (long value : values) {
      list.add(value);
    }
    return list;
  }

  /** The header with its length before it, padded so that the tensors are aligned. */
  private static byte[] framed(String header) {
    byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
    int padded = (bytes.length + 7) / 8 * 8;
    ByteBuffer framed = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    framed.putLong(padded).put(bytes);
    while (framed.hasRemaining()) {
      framed.put((byte) ' ');
    }
    return framed.array();
  }
}
