package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The samples of README.md, run as they stand: they must print what is shown. */
class ReadmeTest {
  private static final Pattern SAMPLE =
      Pattern.compile("```java\n(.*?)```\n\n```text\n(.*?)```\n", Pattern.DOTALL);

  @TestFactory
  List<DynamicTest> everySamplePrintsWhatIsShown() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    List<DynamicTest> tests = new ArrayList<>();
    Matcher sample = SAMPLE.matcher(readme);
    while (sample.find()) {
      String code = sample.group(1);
      String shown = sample.group(2);
      String name = "sample " + (tests.size() + 1);
      tests.add(
          DynamicTest.dynamicTest(
              name, () -> assertEquals(shown, run("First", program(code), environment()))));
    }
    assertEquals(readme.split("```java", -1).length - 1, tests.size(), "a sample shows no output");
    assertTrue(tests.size() >= 4);
    return tests;
  }

  private static Map<String, String> environment() {
    return Map.of("RNNLOSS_URL", Daemons.URL);
  }

  /** A sample that is no program stands in main. */
  private static String program(String code) {
    return code.contains("class ")
        ? code
        : "import java.util.*;\nimport rnnloss.*;\nclass First {\n"
            + "public static void main(String[] args) {\n"
            + code
            + "}\n}\n";
  }

  /** Runs a program of one file in a Java of its own; what it prints. */
  static String run(String name, String program, Map<String, String> environment)
      throws IOException, InterruptedException, URISyntaxException {
    Path folder = Files.createTempDirectory("rnnloss-sample");
    Path source = Files.writeString(folder.resolve(name + ".java"), program);
    Path output = folder.resolve("output");
    Path classes =
        Path.of(RnnLossClient.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    String java =
        System.getProperty("java.home") + File.separator + "bin" + File.separator + "java";
    ProcessBuilder builder =
        new ProcessBuilder(java, "--class-path", classes.toString(), source.toString());
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true).redirectOutput(output.toFile());
    int status = builder.start().waitFor();
    String printed = Files.readString(output, StandardCharsets.UTF_8);
    assertEquals(0, status, printed);
    for (Path file : List.of(source, output, folder)) {
      Files.delete(file);
    }
    return printed;
  }
}
