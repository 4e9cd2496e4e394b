package rnnloss;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The members of an answer of /loss, from either encoding. Whatever is missing, or not as the
 * contract has it, is an IllegalArgumentException or an IllegalStateException.
 */
interface AnswerParts {
  double loss();

  Map<String, TermResult> terms();

  Map<String, Tensor> gradients();

  /** The names that "unused" or "warnings" has. */
  List<String> names(String member);

  /** Null if it was not asked for. */
  String inputsSha256();

  static AnswerParts of(Answer answer, LossRequest request) {
    return request.encoding() == Encoding.JSON
        ? new JsonAnswer(JsonReader.read(answer.body()), request)
        : new SafetensorsAnswer(new Safetensors(answer.body()), request);
  }

  /** A gradient must be as its tensor is, so that no index of the caller's is off. */
  static Tensor checked(Tensor gradient, String name, LossRequest request) {
    Tensor tensor = request.tensors().get(name);
    if (tensor == null
        || !Arrays.equals(gradient.shape(), tensor.shape())
        || gradient.dtype() != request.gradientDType(tensor)) {
      throw new IllegalArgumentException("a gradient " + gradient + " by " + name + " " + tensor);
    }
    return gradient;
  }
}
