# mclust's side of measure.py: the same arguments (less the peer's name), the same answer.
suppressMessages(library(mclust))
arguments <- commandArgs(TRUE)
folder <- arguments[1]; n <- as.integer(arguments[2]); d <- as.integer(arguments[3]); k <- as.integer(arguments[4])
model <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")[[arguments[5]]]
steps <- as.integer(arguments[7]); enough <- as.numeric(arguments[8])
x <- t(matrix(readBin(file.path(folder, "rows"), "double", n * d), d, n))
start <- readBin(file.path(folder, "start"), "double", k + k * d + k * d * d)
s <- start[k + k * d + 1]  # round covariances
round_ <- function(value) array(diag(value, d), c(d, d, k))
variance <- list(modelName = model, d = d, G = k, sigma = round_(s), cholsigma = round_(sqrt(s)), Sigma = diag(s, d),
                 cholSigma = diag(sqrt(s), d), sigmasq = rep(s, k), scale = rep(s, k), shape = matrix(1, d, k))
parameters <- list(pro = start[1:k], mean = matrix(start[k + 1:(k * d)], d, k), variance = variance)
run <- function(count) em(x, model, parameters, control = emControl(eps = 0, tol = c(0, 0), itmax = c(count, count)))
taken <- function(run) abs(attr(run, "info")[["iterations"]])
megabytes <- function(what) {
  line <- grep(what, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
now <- function() as.numeric(Sys.time())
invisible(gc()); cat("5", file = "/proc/self/clear_refs"); before <- megabytes("VmRSS")
ends <- now() + enough; brief <- Inf; whole <- Inf
repeat {
  first <- now(); short <- run(1); second <- now(); long <- run(1 + steps); third <- now()
  brief <- min(brief, second - first); whole <- min(whole, third - second)
  if (third > ends) break
}
peak <- megabytes("VmHWM")
writeBin(c(long$parameters$pro, long$parameters$mean, long$parameters$variance$sigma), file.path(folder, "reached"))
cat(sprintf('{"step": %.9g, "whole": %.9g, "steps": %d, "megabytes": %.1f}\n',
            (whole - brief) / (taken(long) - taken(short)), whole, as.integer(taken(long)), peak - before))
