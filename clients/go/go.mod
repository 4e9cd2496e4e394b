module rnnloss

go 1.19
