# The noise component of mclust at its fixed point, from stated starts -> ../data/background.json
# Usage: Rscript mclust_background.R
source(file.path(local({a<-commandArgs(FALSE);f<-sub("^--file=","",a[grepl("^--file=",a)]);if(length(f)) dirname(f[1]) else "."}), "common.R"))
suppressMessages(library(mclust))
options(warn = -1)
files <- list(iris = "iris.csv", faithful = "faithful.csv", galaxies = "galaxies.csv")
table_of <- function(name) {
  d <- read.csv(file.path(holdout, "data", files[[name]]), check.names = FALSE)
  X <- data.matrix(d[, vapply(d, is.numeric, TRUE), drop = FALSE]); if (name == "galaxies") X / 1000 else X
}
# the start: every tenth row is noise, the others are cut at quantiles of the first column
start_of <- function(X, G) {
  l <- as.integer(cut(rank(X[, 1], ties.method = "first"), G)); l[seq(1, nrow(X), by = 10)] <- G + 1L; l
}
cases <- list()
record <- function(name, G, model, prior = NULL) {
  X <- table_of(name); labels <- start_of(X, G); Vinv <- hypvol(X, reciprocal = TRUE)
  data <- if (ncol(X) == 1) X[, 1] else X
  ctl <- emControl(tol = c(0, 1e-14), itmax = c(20000, 10000))
  z <- unmap(labels)
  f <- me(data = data, modelName = model, z = z, control = ctl, Vinv = Vinv, prior = prior, warn = FALSE)
  for (i in 1:300) {
    g <- me(data = data, modelName = model, z = pmin(pmax(f$z, 0), 1), control = ctl, Vinv = Vinv, prior = prior, warn = FALSE)
    if (!is.finite(g$loglik)) break
    still <- max(abs(g$z - f$z)) < 1e-13; f <- g
    if (still) break
  }
  if (!is.finite(f$loglik)) return(invisible())
  m <- ifelse(labels == G + 1L, -1L, labels - 1L)
  first <- me(data = data, modelName = model, z = z, control = emControl(tol = c(0, 1e-14), itmax = c(1, 10000)), Vinv = Vinv, prior = prior, warn = FALSE)
  cl <- max.col(f$z, "first") - 1L; cl[cl == G] <- -1L
  cases[[length(cases) + 1]] <<- list(dataset = name, model = model, G = G, prior = !is.null(prior), start_labels = arr(m),
    density = Vinv, loglik_first = first$loglik, loglik = f$loglik, pro = arr(f$parameters$pro), mean = t(matrix(f$parameters$mean, f$d, G)),
    npar = nMclustParams(model, f$d, G, noise = TRUE), classification = arr(cl))
}
for (m in c("EII", "VII", "EEI", "VVI", "EEE", "VVV", "VEV", "EVV")) { record("iris", 2, m); record("faithful", 2, m) }
for (m in c("E", "V")) record("galaxies", 3, m)
write_json(list(mclust = as.character(packageVersion("mclust")), cases = cases), file.path(holdout, "data", "background.json"))
