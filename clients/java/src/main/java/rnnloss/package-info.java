/**
 * Client of rnnlossd: the exact losses of recurrent neural networks, and their gradients.
 *
 * <p>{@link rnnloss.RnnLossClient} makes the calls. A {@link rnnloss.LossRequest} holds weights and
 * {@link rnnloss.Tensor tensors}; a {@link rnnloss.LossResult} what the daemon answers. Everything
 * that goes wrong is an {@link rnnloss.RnnLossException}.
 */
package rnnloss;
