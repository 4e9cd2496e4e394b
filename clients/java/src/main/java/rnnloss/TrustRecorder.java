package rnnloss;

import java.net.Socket;
import java.net.URI;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Trusts whom another one trusts, and remembers why it didn't: of a GET java.net.http forgets it
 * over its attempt to send it again.
 */
final class TrustRecorder extends X509ExtendedTrustManager {
  private final X509ExtendedTrustManager judge;
  private final Map<String, CertificateException> refusals = new ConcurrentHashMap<>();

  TrustRecorder(X509ExtendedTrustManager judge) {
    this.judge = judge;
  }

  /** Why the certificate of a server was refused at the last time; null if it wasn't. */
  CertificateException refusal(URI server) {
    int port = server.getPort() < 0 ? 443 : server.getPort();
    return refusals.get(name(server.getHost(), port));
  }

  private static String name(String host, int port) {
    return host.replaceAll("[\\[\\]]", "") + " " + port;
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    String name = name(engine.getPeerHost(), engine.getPeerPort());
    try {
      judge.checkServerTrusted(chain, authType, engine);
      refusals.remove(name);
    } catch (CertificateException e) {
      refusals.put(name, e);
      throw e;
    }
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    judge.checkServerTrusted(chain, authType, socket);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    judge.checkServerTrusted(chain, authType);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    judge.checkClientTrusted(chain, authType, engine);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    judge.checkClientTrusted(chain, authType, socket);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    judge.checkClientTrusted(chain, authType);
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return judge.getAcceptedIssuers();
  }
}
