package rnnloss;

import java.util.Collection;
import java.util.Map;

/** Writes JSON from maps, collections, strings, numbers, truth values and tensors. */
final class JsonWriter {
  private JsonWriter() {}

  static String text(Object value) {
    StringBuilder text = new StringBuilder();
    value(text, value);
    return text.toString();
  }

  static void value(StringBuilder text, Object value) {
    if (value instanceof Json) {
      value(text, ((Json) value).unwrapped());
    } else if (value instanceof Map) {
      object(text, (Map<?, ?>) value);
    } else if (value instanceof Collection) {
      array(text, (Collection<?>) value);
    } else if (value instanceof Tensor) {
      tensor(text, (Tensor) value);
    } else if (value instanceof Double) {
      number(text, (Double) value);
    } else if (value instanceof String || value instanceof DType) {
      string(text, value.toString());
    } else {
      text.append(value); // whole numbers, truth values, Digits and null
    }
  }

  private static void object(StringBuilder text, Map<?, ?> members) {
    text.append('{');
    String separator = "";
    for (Map.Entry<?, ?> member : members.entrySet()) {
      text.append(separator);
      string(text, (String) member.getKey());
      value(text.append(':'), member.getValue());
      separator = ",";
    }
    text.append('}');
  }

  private static void array(StringBuilder text, Collection<?> items) {
    text.append('[');
    String separator = "";
    for (Object item : items) {
      value(text.append(separator), item);
      separator = ",";
    }
    text.append(']');
  }

  /** With flat data, so that the gradient comes back in this form and dtype. */
  private static void tensor(StringBuilder text, Tensor tensor) {
    text.append("{\"dtype\":\"").append(tensor.dtype()).append("\",\"shape\":[");
    String separator = "";
    for (long axis : tensor.shape()) {
      text.append(separator).append(axis);
      separator = ",";
    }
    text.append("],\"data\":[");
    if (tensor.dtype() == DType.F64) {
      doubles(text, tensor.toDoubleArray());
    } else {
      floats(text, tensor.toFloatArray());
    }
    text.append("]}");
  }

  private static void doubles(StringBuilder text, double[] values) {
    for (int i = 0; i < values.length; i++) {
      number(i == 0 ? text : text.append(','), values[i]);
    }
  }

  /** A float's decimal is near enough to it to be read back as F32, and as the smaller types. */
  private static void floats(StringBuilder text, float[] values) {
    for (int i = 0; i < values.length; i++) {
      text.append(i == 0 ? "" : ",");
      if (Float.isFinite(values[i])) {
        text.append(values[i]);
      } else {
        number(text, values[i]);
      }
    }
  }

  private static void number(StringBuilder text, double value) {
    if (Double.isFinite(value)) {
      text.append(value);
    } else {
      string(text, Double.toString(value));
    }
  }

  static void string(StringBuilder text, String characters) {
    text.append('"');
    for (int i = 0; i < characters.length(); i++) {
      char c = characters.charAt(i);
      if (c == '"' || c == '\\') {
        text.append('\\').append(c);
      } else if (c < ' ') {
        text.append(String.format("\\u%04x", (int) c));
      } else {
        text.append(c);
      }
    }
    text.append('"');
  }
}
