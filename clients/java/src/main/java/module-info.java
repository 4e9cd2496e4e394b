/** Client of rnnlossd: exact losses of recurrent neural networks, and their gradients. */
module rnnloss {
  exports rnnloss;

  requires transitive java.net.http;
}
