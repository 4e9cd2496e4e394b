package rnnloss;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An answer of /loss in JSON. */
final class JsonAnswer implements AnswerParts {
  private final Json answer;
  private final LossRequest request;

  JsonAnswer(Json answer, LossRequest request) {
    this.answer = answer;
    this.request = request;
  }

  @Override
  public double loss() {
    return answer.get("loss").asDouble();
  }

  @Override
  public Map<String, TermResult> terms() {
    Map<String, TermResult> terms = new LinkedHashMap<>();
    answer
        .get("terms")
        .members()
        .forEach(
            (name, term) ->
                terms.put(
                    name,
                    new TermResult(
                        term.get("lambda").asDouble(),
                        term.get("loss").asDouble(),
                        term.get("unweighted").asDouble(),
                        gradients(term))));
    return Collections.unmodifiableMap(terms);
  }

  @Override
  public Map<String, Tensor> gradients() {
    return gradients(answer);
  }

  private Map<String, Tensor> gradients(Json of) {
    Map<String, Tensor> gradients = new LinkedHashMap<>();
    if (of.has("gradients")) {
      of.get("gradients")
          .members()
          .forEach(
              (name, json) ->
                  gradients.put(name, AnswerParts.checked(tensor(json), name, request)));
    }
    return Collections.unmodifiableMap(gradients);
  }

  @Override
  public List<String> names(String member) {
    List<String> names = new ArrayList<>();
    answer.get(member).items().forEach(name -> names.add(name.asString()));
    return Collections.unmodifiableList(names);
  }

  @Override
  public String inputsSha256() {
    return answer.has("inputs_sha256") ? answer.get("inputs_sha256").asString() : null;
  }

  /** A gradient in the form that its tensor was sent in: flat data, each decimal rounded once. */
  private static Tensor tensor(Json json) {
    DType dtype = DType.valueOf(json.get("dtype").asString());
    long[] shape = json.get("shape").items().stream().mapToLong(Json::asLong).toArray();
    List<Json> data = json.get("data").items();
    if (dtype.bytes(shape) != (long) data.size() * dtype.bytes()) {
      throw new IllegalArgumentException("a gradient whose data does not fill its shape");
    }
    ByteBuffer bytes = ByteBuffer.allocate(data.size() * dtype.bytes());
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    data.forEach(number -> put(bytes, dtype, number.decimal()));
    return Tensor.of(dtype, bytes.flip(), shape);
  }

  private static void put(ByteBuffer bytes, DType dtype, String decimal) {
    switch (dtype) {
      case F64:
        bytes.putDouble(Double.parseDouble(decimal));
        break;
      case F32:
        bytes.putFloat(Float.parseFloat(decimal));
        break;
      default:
        bytes.putShort((dtype == DType.F16 ? SmallFloat.F16 : SmallFloat.BF16).bits(decimal));
    }
  }
}
