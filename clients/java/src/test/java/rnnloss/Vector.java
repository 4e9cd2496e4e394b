package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** A conformance vector: the problem that it states, and what must come of it. */
final class Vector {
  private final Json json;

  Vector(Json json) {
    this.json = json;
  }

  String id() {
    return json.get("id").asString();
  }

  boolean isValid() {
    return json.get("result").asString().equals("valid");
  }

  String problemType() {
    return json.get("problem").get("type").asString();
  }

  long problemStatus() {
    return json.get("problem").get("status").asLong();
  }

  /** The problem, from its bits. */
  LossRequest request(Encoding encoding) {
    LossRequest.Builder request = LossRequest.builder().encoding(encoding);
    json.get("lambdas")
        .members()
        .forEach((term, value) -> request.lambda("lambda_" + term, number(value)));
    tensors().forEach(request::tensor);
    Json options = json.get("options");
    request.gradients(pick(Gradients.values(), options.get("gradients")));
    request.nonfinite(pick(NonFinite.values(), options.get("nonfinite")));
    if (options.has("gradient_dtype")) {
      request.gradientDType(pick(DType.values(), options.get("gradient_dtype")));
    }
    if (options.has("wrt")) {
      request.wrt(strings(options.get("wrt")).toArray(new String[0]));
    }
    return request.build();
  }

  /** The bytes of the request as the vector has them, if it has that form. */
  Optional<byte[]> body(Encoding encoding) {
    boolean isJson = encoding == Encoding.JSON;
    String form = isJson ? "json" : "safetensors";
    if (!json.has(form)) {
      return Optional.empty();
    }
    byte[] body = isJson ? jsonBody() : safetensorsBody();
    if (json.has("sha256")) {
      assertEquals(json.get("sha256").get(form).asString(), sha256(ByteBuffer.wrap(body)));
    }
    return Optional.of(body);
  }

  private byte[] jsonBody() {
    String text = json.get("json").asString();
    if (json.has("sha256")) {
      for (Map.Entry<String, Tensor> tensor : tensors().entrySet()) {
        byte[] bytes = bytes(tensor.getValue());
        text = text.replace("@" + tensor.getKey(), Base64.getEncoder().encodeToString(bytes));
      }
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private byte[] safetensorsBody() {
    byte[] header = Base64.getDecoder().decode(json.get("safetensors").asString());
    if (!json.has("sha256")) {
      return header;
    }
    Map<String, Tensor> tensors = tensors();
    int size = tensors.values().stream().mapToInt(tensor -> tensor.bytes().remaining()).sum();
    ByteBuffer body = ByteBuffer.allocate(header.length + size).put(header);
    tensors.values().forEach(tensor -> body.put(tensor.bytes()));
    return body.array();
  }

  /** Fails unless an answer has the bits that it must have. */
  void compare(LossResult result) {
    Json expect = json.get("expect");
    assertBits(expect.get("loss"), result.loss(), "loss");
    Map<String, Json> terms = expect.get("terms").members();
    assertEquals(List.copyOf(terms.keySet()), List.copyOf(result.terms().keySet()));
    terms.forEach((name, term) -> compare(name, term, result.terms().get(name)));
    compareGradients(expect, result.gradients());
    assertEquals(strings(expect.get("unused")), result.unused());
    assertEquals(strings(expect.get("warnings")), result.warnings());
  }

  private void compare(String name, Json expect, TermResult term) {
    assertBits(json.get("lambdas").get(name), term.lambda(), name + " lambda");
    assertBits(expect.get("loss"), term.loss(), name + " loss");
    assertBits(expect.get("unweighted"), term.unweighted(), name + " unweighted");
    compareGradients(expect, term.gradients());
  }

  private static void compareGradients(Json expect, Map<String, Tensor> gradients) {
    Map<String, Json> wanted =
        expect.has("gradients") ? expect.get("gradients").members() : Map.of();
    assertEquals(wanted.keySet(), gradients.keySet());
    wanted.forEach((name, gradient) -> compare(gradient, gradients.get(name)));
  }

  private static void compare(Json expect, Tensor gradient) {
    assertEquals(expect.get("dtype").asString(), gradient.dtype().name());
    assertEquals(expect.get("shape").toString(), JsonWriter.text(Encoder.boxed(gradient.shape())));
    if (expect.has("bits")) {
      assertEquals(strings(expect.get("bits")), bits(gradient));
    } else {
      assertEquals(expect.get("sha256").asString(), sha256(gradient.bytes()));
      List<String> bits = bits(gradient);
      for (Json sample : expect.get("sample").items()) {
        int index = (int) sample.items().get(0).asLong();
        assertEquals(sample.items().get(1).asString(), bits.get(index));
      }
    }
  }

  private static void assertBits(Json expect, double value, String what) {
    long bits = Double.doubleToRawLongBits(number(expect));
    assertEquals(Long.toHexString(bits), Long.toHexString(Double.doubleToRawLongBits(value)), what);
    assertEquals(
        bits,
        Double.doubleToRawLongBits(Double.parseDouble(expect.get("decimal").asString())),
        what);
  }

  private static double number(Json number) {
    String hex = number.get("hex").asString();
    switch (hex) {
      case "nan":
        return Double.NaN;
      case "inf":
        return Double.POSITIVE_INFINITY;
      case "-inf":
        return Double.NEGATIVE_INFINITY;
      default:
        return Double.parseDouble(hex);
    }
  }

  private Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    json.get("tensors").members().forEach((name, tensor) -> tensors.put(name, tensor(tensor)));
    return tensors;
  }

  private static Tensor tensor(Json json) {
    DType dtype = pick(DType.values(), json.get("dtype"));
    long[] shape = json.get("shape").items().stream().mapToLong(Json::asLong).toArray();
    int size = (int) dtype.bytes(shape);
    ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    if (json.has("bits")) {
      strings(json.get("bits"))
          .forEach(bits -> put(bytes, Long.parseUnsignedLong(bits, 16), dtype));
    } else {
      fill(bytes, dtype, json.get("rule"));
      assertEquals(json.get("sha256").asString(), sha256(bytes.duplicate().flip()));
    }
    assertEquals(0, bytes.remaining());
    return typed(dtype, bytes.flip().order(ByteOrder.LITTLE_ENDIAN), shape);
  }

  /** As an array of the language, where there is one, so that all ways of sending are gone. */
  private static Tensor typed(DType dtype, ByteBuffer bytes, long[] shape) {
    switch (dtype) {
      case F64:
        return Tensor.f64(bytes.asDoubleBuffer(), shape);
      case F32:
        return Tensor.f32(bytes.asFloatBuffer(), shape);
      case F16:
        return Tensor.f16(bytes.asShortBuffer(), shape);
      default:
        return Tensor.of(dtype, bytes, shape);
    }
  }

  private static void put(ByteBuffer bytes, long bits, DType dtype) {
    for (int i = 0; i < dtype.bytes(); i++) {
      bytes.put((byte) (bits >> (8 * i)));
    }
  }

  private static void fill(ByteBuffer bytes, DType dtype, Json rule) {
    long z = rule.get("seed").asLong();
    while (bytes.hasRemaining()) {
      z += 0x9E3779B97F4A7C15L;
      long whole = splitMix64(z) >>> (64 - rule.get("bits").asLong());
      double value =
          Math.scalb(
              (double) (whole - rule.get("subtract").asLong()),
              (int) rule.get("exponent").asLong());
      put(bytes, bits(value, dtype), dtype);
    }
  }

  private static long splitMix64(long state) {
    long z = (state ^ state >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }

  private static long bits(double value, DType dtype) {
    switch (dtype) {
      case F64:
        return Double.doubleToRawLongBits(value);
      case F32:
        return Float.floatToRawIntBits((float) value);
      case F16:
        return Float16.bits(value);
      default:
        return BFloat16.bits(value);
    }
  }

  private static List<String> bits(Tensor tensor) {
    ByteBuffer bytes = tensor.bytes();
    int digits = 2 * tensor.dtype().bytes();
    return java.util.stream.IntStream.range(0, tensor.size())
        .mapToObj(i -> String.format("%016x", read(bytes, tensor.dtype())).substring(16 - digits))
        .collect(Collectors.toList());
  }

  private static long read(ByteBuffer bytes, DType dtype) {
    switch (dtype.bytes()) {
      case Long.BYTES:
        return bytes.getLong();
      case Integer.BYTES:
        return bytes.getInt();
      default:
        return bytes.getShort();
    }
  }

  static byte[] bytes(Tensor tensor) {
    byte[] bytes = new byte[tensor.bytes().remaining()];
    tensor.bytes().get(bytes);
    return bytes;
  }

  static String sha256(ByteBuffer bytes) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(bytes.duplicate());
      StringBuilder hex = new StringBuilder();
      for (byte b : digest.digest()) {
        hex.append(String.format("%02x", b));
      }
      return hex.toString();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> strings(Json array) {
    return array.items().stream().map(Json::asString).collect(Collectors.toList());
  }

  private static <T> T pick(T[] values, Json name) {
    for (T value : values) {
      if (value.toString().equals(name.asString())) {
        return value;
      }
    }
    return fail("no " + name);
  }
}
