package rnnloss;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** Whom to trust and what to show, from PEM files; which failures are refusals of certificates. */
final class Tls {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]*)-----END PRIVATE KEY-----");
  private static final Pattern REFUSED_BY_PEER =
      Pattern.compile("fatal alert: .*(certificate|unknown_ca|access_denied)");
  private static final char[] NO_PASSWORD = new char[0];

  private Tls() {}

  /**
   * Reads the files.
   *
   * @param ca certificates to trust, null for the runtime's
   * @param certificate the chain to show, null for none
   * @param key its private key, null for none
   */
  static SSLContext context(Path ca, Path certificate, Path key) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keyManagers(certificate, key), trustManagers(ca), null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalArgumentException("the TLS files can't be used: " + e, e);
    }
  }

  /** Why a certificate was refused, be it theirs or ours, if a connection failed for that. */
  static Optional<CertificateException> refusal(IOException failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof CertificateException) {
        return Optional.of((CertificateException) cause);
      }
      if (cause instanceof SSLException
          && REFUSED_BY_PEER.matcher("" + cause.getMessage()).find()) {
        return Optional.of(new CertificateException(cause.getMessage(), cause));
      }
    }
    return Optional.empty();
  }

  private static TrustManager[] trustManagers(Path ca)
      throws GeneralSecurityException, IOException {
    if (ca == null) {
      return null; // those of the runtime
    }
    KeyStore trusted = emptyStore();
    for (Certificate certificate : certificates(ca)) {
      trusted.setCertificateEntry("ca" + trusted.size(), certificate);
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    return factory.getTrustManagers();
  }

  private static KeyManager[] keyManagers(Path certificate, Path key)
      throws GeneralSecurityException, IOException {
    if (certificate == null) {
      return null;
    }
    KeyStore store = emptyStore();
    Certificate[] chain = certificates(certificate).toArray(new Certificate[0]);
    store.setKeyEntry("client", privateKey(key), NO_PASSWORD, chain);
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, NO_PASSWORD);
    return factory.getKeyManagers();
  }

  private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  private static Collection<? extends Certificate> certificates(Path pem)
      throws GeneralSecurityException, IOException {
    try (InputStream in = Files.newInputStream(pem)) {
      Collection<? extends Certificate> found =
          CertificateFactory.getInstance("X.509").generateCertificates(in);
      if (found.isEmpty()) {
        throw new CertificateException("no certificate in " + pem);
      }
      return found;
    }
  }

  private static PrivateKey privateKey(Path pem) throws GeneralSecurityException, IOException {
    Matcher key = KEY.matcher(Files.readString(pem, StandardCharsets.US_ASCII));
    if (!key.find()) {
      throw new InvalidKeySpecException(
          "no \"BEGIN PRIVATE KEY\" in " + pem + " (openssl pkcs8 -topk8 -nodes makes one)");
    }
    PKCS8EncodedKeySpec spec =
        new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(key.group(1)));
    InvalidKeySpecException failure = null;
    for (String algorithm : List.of("EC", "RSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (InvalidKeySpecException e) {
        failure = e; // of another algorithm, most likely
      }
    }
    throw new InvalidKeySpecException("neither an EC nor an RSA key: " + pem, failure);
  }
}
