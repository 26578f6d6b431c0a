# Fixed points of pgmm (the eight models, from the true classes) and EMMIXmfa (three of them with two factors, from k-means) -> ../data/factor_models.json
# and the table that they are fitted to besides the irises -> ../data/factors.csv
# Usage: Rscript factor_models.R   (packages pgmm and EMMIXmfa)
source(file.path(local({a<-commandArgs(FALSE);f<-sub("^--file=","",a[grepl("^--file=",a)]);if(length(f)) dirname(f[1]) else "."}), "common.R"))
suppressMessages({library(pgmm); library(EMMIXmfa)})
options(warn = -1)
# ---- a table of three classes in nine columns, each with two factors of its own
set.seed(7)
n <- c(60, 50, 40); p <- 9; q <- 2
rows <- do.call(rbind, lapply(1:3, function(g) {
  L <- matrix(rnorm(p * q), p); s <- runif(p, 0.4, 1.2); m <- 1.5 * rnorm(p)
  matrix(m, n[g], p, byrow = TRUE) + matrix(rnorm(n[g] * q), n[g]) %*% t(L) + matrix(rnorm(n[g] * p), n[g]) * matrix(s, n[g], p, byrow = TRUE)
}))
made <- data.frame(round(rows, 3), class = rep(letters[1:3], n))
names(made)[1:p] <- paste0("x", 1:p)
write.csv(made, file.path(holdout, "data", "factors.csv"), row.names = FALSE, quote = FALSE)
read_table <- function(name) { d <- read.csv(file.path(holdout, "data", paste0(name, ".csv")), check.names = FALSE); list(X = data.matrix(d[, vapply(d, is.numeric, TRUE)]), labels = as.integer(factor(d[[ncol(d)]]))) }
cases <- list()
add <- function(software, name, model, q, G, labels, bic, n_rows, weights, means, loadings, noise)
  cases[[length(cases) + 1]] <<- list(software = software, dataset = name, model = model, q = q, G = G, start_labels = arr(labels - 1L), bic = bic,
    pro = arr(weights), mean = means, loadings = arr(loadings), noise = arr(noise))
for (name in c("iris", "factors")) {
  R <- read_table(name); X <- R$X; N <- nrow(X); d <- ncol(X); G <- max(R$labels); zl <- list(); zl[[G]] <- R$labels
  for (m in c("CCC", "CCU", "CUC", "CUU", "UCC", "UCU", "UUC", "UUU")) {
    f <- pgmmEM(X, rG = G:G, rq = 1:1, zstart = 3, zlist = zl, modelSubset = m, tol = 1e-9, relax = TRUE)
    z <- f$zhat; w <- colSums(z); L <- if (is.list(f$load)) f$load else rep(list(f$load), G)
    P <- f$noisev
    every <- if (is.list(P)) P else rep(list(P), G)
    noise <- t(vapply(every, function(v) rep(if (is.matrix(v)) diag(v) else as.numeric(v), length.out = d), numeric(d)))
    add("pgmm", name, m, 1, G, R$labels, max(unlist(f$bic), na.rm = TRUE), N, w / N, sweep(t(z) %*% X, 1, w, "/"), unlist(lapply(L, function(l) t(as.matrix(l)))), c(t(noise)))
  }
}
R <- read_table("factors"); X <- R$X; N <- nrow(X); d <- ncol(X); G <- 3
types <- list(CCU = c("common", "common"), UCU = c("unique", "common"), UUU = c("unique", "unique"))
for (m in names(types)) {
  f <- mfa(X, g = G, q = 2, itmax = 3000, tol = 1e-7, sigma_type = types[[m]][1], D_type = types[[m]][2], nkmeans = 2, nrandom = 0)
  B <- if (length(dim(f$B)) == 3) f$B else array(f$B, c(d, 2, G)); D <- if (length(dim(f$D)) == 3) f$D else array(f$D, c(d, d, G))
  add("EMMIXmfa", "factors", m, 2, G, R$labels, f$BIC, N, f$pivec, t(f$mu), unlist(lapply(seq_len(G), function(g) t(B[, , g]))), unlist(lapply(seq_len(G), function(g) diag(D[, , g]))))
  cases[[length(cases)]]$loglik <- f$logL
}
write_json(list(software = paste0("pgmm ", packageVersion("pgmm"), ", EMMIXmfa ", packageVersion("EMMIXmfa"), ", ", R.version.string),
  conventions = "EM from start_labels (0-based). bic: of pgmm 2 log-likelihood minus parameters times log n, of EMMIXmfa the negative. loadings: G x d x q in C order. noise: G x d variances.",
  cases = cases), file.path(holdout, "data", "factor_models.json"))
