package rnnloss;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** A server that does what no rnnlossd would. */
final class RawServer implements AutoCloseable {
  /** What is done with a connection. */
  interface Behaviour {
    void meet(Socket connection) throws IOException;
  }

  private final ServerSocket listening;
  private final List<Socket> waiting = new ArrayList<>();
  private final AtomicInteger connections = new AtomicInteger();
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicReference<String> head = new AtomicReference<>("");

  private RawServer(String address, int backlog) throws IOException {
    listening = new ServerSocket();
    listening.bind(new InetSocketAddress(address, 0), backlog);
  }

  /** Closes each connection as soon as it is there. */
  static RawServer closing() throws IOException {
    return new RawServer("127.0.0.1", 50).serve(connection -> {});
  }

  /** Answers each request with the same bytes, and keeps the connection. */
  static RawServer answering(String answer) throws IOException {
    return answering(answer.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** Answers each request with the same bytes, and keeps the connection. */
  static RawServer answering(byte[] answer) throws IOException {
    RawServer server = new RawServer("127.0.0.1", 50);
    return server.serve(
        connection -> {
          while (server.readRequest(connection.getInputStream())) {
            connection.getOutputStream().write(answer);
          }
        });
  }

  /** Answers one request; closes the connection after any other, without an answer. */
  static RawServer answeringOnce(String answer) throws IOException {
    RawServer server = new RawServer("127.0.0.1", 50);
    return server.serve(
        connection -> {
          if (server.readRequest(connection.getInputStream()) && server.requests() == 1) {
            connection.getOutputStream().write(answer.getBytes(StandardCharsets.ISO_8859_1));
          }
        });
  }

  /** Has no room for another connection: the system lets it wait. */
  static RawServer full() throws IOException {
    RawServer server = new RawServer("127.0.0.1", 1);
    for (int i = 0; i < 3; i++) {
      Socket socket = new Socket();
      server.waiting.add(socket);
      try {
        socket.connect(server.listening.getLocalSocketAddress(), 200);
      } catch (IOException e) {
        break; // as it shall be for others
      }
    }
    return server;
  }

  /** Passes everything on to another port of this machine. */
  static RawServer forwarding(String address, int port) throws IOException {
    return new RawServer(address, 50)
        .serve(
            connection -> {
              try (Socket other = new Socket(InetAddress.getLoopbackAddress(), port)) {
                Thread back =
                    start(() -> other.getInputStream().transferTo(connection.getOutputStream()));
                connection.getInputStream().transferTo(other.getOutputStream());
                other.shutdownOutput();
                back.join();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  /** Something that may fail because the peer is gone. */
  private interface Work {
    void run() throws IOException;
  }

  private static Thread start(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                return; // the peer is gone
              }
            });
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private RawServer serve(Behaviour behaviour) {
    start(
        () -> {
          while (!listening.isClosed()) {
            Socket connection = listening.accept();
            connections.incrementAndGet();
            start(
                () -> {
                  try (connection) {
                    behaviour.meet(connection);
                  }
                });
          }
        });
    return this;
  }

  /** Reads a request with its body; false if the connection ended before. */
  private boolean readRequest(InputStream in) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    while (!bytes.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0) {
        return false;
      }
      bytes.write(next);
    }
    String text = bytes.toString(StandardCharsets.ISO_8859_1);
    head.set(text);
    for (String line : text.split("\r\n", -1)) {
      if (line.startsWith("Content-Length: ")) {
        in.readNBytes(Integer.parseInt(line.substring("Content-Length: ".length())));
      }
    }
    requests.incrementAndGet();
    return true;
  }

  String url() {
    return "http://" + listening.getInetAddress().getHostAddress() + ":" + listening.getLocalPort();
  }

  int port() {
    return listening.getLocalPort();
  }

  int connections() {
    return connections.get();
  }

  int requests() {
    return requests.get();
  }

  /** Request line and headers of the last request. */
  String head() {
    return head.get();
  }

  @Override
  public void close() throws IOException {
    listening.close();
    for (Socket socket : waiting) {
      socket.close();
    }
  }
}
