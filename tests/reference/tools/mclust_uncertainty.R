# Equal weights, stated priors, bootstrap errors, the bootstrap likelihood-ratio test and merged components -> ../data/uncertainty.json
# Usage: Rscript mclust_uncertainty.R        (a few minutes)
source(file.path(local({a<-commandArgs(FALSE);f<-sub("^--file=","",a[grepl("^--file=",a)]);if(length(f)) dirname(f[1]) else "."}), "common.R"))
suppressMessages(library(mclust))
options(warn = -1)
TIGHT <- emControl(tol = c(0, 1e-14), itmax = c(20000, 10000))
files <- list(iris = "iris.csv", faithful = "faithful.csv", galaxies = "galaxies.csv")
table_of <- function(name) {
  d <- read.csv(file.path(holdout, "data", files[[name]]), check.names = FALSE)
  X <- data.matrix(d[, vapply(d, is.numeric, TRUE), drop = FALSE]); if (name == "galaxies") X / 1000 else X
}
labels_of <- function(X, G) if (ncol(X) == 1) mclust:::qclass(X[, 1], G) else hclass(hc(X, modelName = "VVV", use = "SVD"), G)[, 1]
parameters_of <- function(f) {
  v <- f$parameters$variance; d <- f$d; G <- f$G
  sigma <- if (d == 1) array(rep_len(v$sigmasq, G), c(1, 1, G)) else if (is.null(v$sigma)) array(v$Sigma, c(d, d, G)) else v$sigma
  list(pro = arr(if (is.null(f$parameters$pro)) rep(1 / G, G) else f$parameters$pro),
       mean = t(matrix(f$parameters$mean, d, G)), sigma = unname(sigma))
}
climb <- function(X, model, z, ctl, prior) {  # a run stops where the log-likelihood stays the same, so it is called again
  data <- if (ncol(X) == 1) X[, 1] else X
  f <- me(data = data, modelName = model, z = z, prior = prior, control = ctl, warn = FALSE)
  for (i in 1:300) {
    g <- me(data = data, modelName = model, z = pmin(pmax(f$z, 0), 1), prior = prior, control = ctl, warn = FALSE)
    if (!is.finite(g$loglik)) break
    still <- max(abs(g$z - f$z)) < 1e-13; f <- g
    if (still) break
  }
  f
}
record <- function(name, G, model, equal = FALSE, prior = NULL, stated = NULL) {
  X <- table_of(name); labels <- labels_of(X, G)
  ctl <- TIGHT; ctl$equalPro <- equal
  f <- climb(X, model, unmap(labels), ctl, prior)
  if (!is.finite(f$loglik)) return(NULL)
  c(list(dataset = name, model = model, G = G, equal_weights = equal, prior = stated, start_labels = arr(labels - 1L),
         loglik = f$loglik, npar = nMclustParams(model, f$d, G, equalPro = equal)), parameters_of(f))
}
cases <- list()
keep <- function(r) if (!is.null(r)) cases[[length(cases) + 1]] <<- r
for (m in mclust.options("emModelNames")) keep(record("iris", 3, m, equal = TRUE))
for (m in c("E", "V")) keep(record("galaxies", 3, m, equal = TRUE))

# defaultPrior passes over a stated dof
statedPrior <- function(data, G, modelName, ...) list(...)
scale4 <- matrix(c(.4, .05, .1, 0, .05, .3, 0, .02, .1, 0, .9, .2, 0, .02, .2, .2), 4)
stated4 <- list(mean = arr(c(6, 3, 4, 1)), mean_strength = 2.5, degrees_of_freedom = 9, scale = scale4)
prior4 <- priorControl(functionName = "statedPrior", shrinkage = 2.5, mean = c(6, 3, 4, 1), dof = 9, scale = scale4)
for (m in c("VVV", "EEE", "VEV", "EEV")) keep(record("iris", 3, m, prior = prior4, stated = stated4))
# spherical and diagonal models take one number; here the scale times the identity, which is the same prior
stated1 <- list(mean = arr(c(6, 3, 4, 1)), mean_strength = 2.5, degrees_of_freedom = 9, scale = 0.7 * diag(4))
prior1 <- priorControl(functionName = "statedPrior", shrinkage = 2.5, mean = c(6, 3, 4, 1), dof = 9, scale = 0.7)
for (m in c("VII", "VVI", "VEI", "EVI")) keep(record("iris", 3, m, prior = prior1, stated = stated1))
stated0 <- list(mean = arr(20), mean_strength = 0.5, degrees_of_freedom = 5, scale = matrix(3))
prior0 <- priorControl(functionName = "statedPrior", shrinkage = 0.5, mean = 20, dof = 5, scale = 3)
for (m in c("E", "V")) keep(record("galaxies", 3, m, prior = prior0, stated = stated0))

set.seed(1)
errors <- list()
for (case in list(list("faithful", 2, "VVV"), list("faithful", 3, "EEE"), list("iris", 2, "VEV"))) {
  X <- table_of(case[[1]])
  f <- Mclust(X, G = case[[2]], modelNames = case[[3]], verbose = FALSE, control = emControl(tol = c(1e-10, 1e-10)))
  for (type in c("bs", "wlbs")) {
    s <- summary(MclustBootstrap(f, nboot = 1999, type = type, verbose = FALSE), what = "se")
    errors[[length(errors) + 1]] <- list(dataset = case[[1]], model = case[[3]], G = case[[2]], type = type,
      start_labels = arr(f$classification - 1L), nboot = 1999,
      pro = arr(s$pro), mean = t(matrix(s$mean, f$d)), sigma = unname(s$variance))
  }
}

tests <- list()
for (case in list(list("faithful", "VVV", 2), list("galaxies", "V", 3), list("iris", "EEE", 3))) {
  X <- table_of(case[[1]])
  t <- mclustBootstrapLRT(if (ncol(X) == 1) X[, 1] else X, modelName = case[[2]], nboot = 199, maxG = case[[3]], verbose = FALSE)
  tests[[length(tests) + 1]] <- list(dataset = case[[1]], model = case[[2]], G = arr(t$G), statistic = arr(t$obs), p_value = arr(t$p.value))
}

merged <- list()
for (name in c("faithful", "iris")) {
  X <- table_of(name)
  # tight, so that the responsibilities are those of the parameters
  f <- Mclust(X, G = 6, modelNames = c(iris = "EEE", faithful = "VVI")[[name]], verbose = FALSE, control = emControl(tol = c(1e-13, 1e-13), itmax = c(20000, 20000)))
  o <- clustCombi(f); K <- f$G; z <- f$z; entropy <- rep(0, K); groups <- list(); member <- diag(K)
  for (L in K:1) {
    member <- o$combiM[[L]] %*% member; zL <- z %*% t(member)
    entropy[L] <- -sum(ifelse(zL > 0, zL * log(zL), 0)); groups[[L]] <- apply(member, 2, which.max) - 1L
  }
  merged[[length(merged) + 1]] <- c(list(dataset = name, model = f$modelName, G = K, entropy = arr(entropy), groups = do.call(rbind, groups),
    chosen = clustCombiOptim(o, reg = 2)$numClusters.combi), parameters_of(f))
}
write_json(list(software = paste0("mclust ", packageVersion("mclust"), ", ", R.version.string),
  conventions = "cases: EM from start_labels (first an M-step) to rest, as in fixed_points.json; prior null: none. errors: standard errors by MclustBootstrap, so good to about 1/sqrt(2 nboot). tests: mclustBootstrapLRT, G against G + 1, statistic = twice the gain. merged: clustCombi of the mixture given; entropy and groups (row L: the cluster of each component) for 1..G clusters; chosen: clustCombiOptim(reg = 2). Galaxies are in 1000 km/s. Labels count from 0.",
  cases = cases, errors = errors, tests = tests, merged = merged), file.path(holdout, "data", "uncertainty.json"))
cat(length(cases), "cases,", length(errors), "errors\n")
