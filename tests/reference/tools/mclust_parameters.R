# Parameters of mclust as people write them to CSV, and their log-likelihoods -> ../data/parameters/
# Usage: Rscript mclust_parameters.R
source(file.path(local({a<-commandArgs(FALSE);f<-sub("^--file=","",a[grepl("^--file=",a)]);if(length(f)) dirname(f[1]) else "."}), "common.R"))
suppressMessages(library(mclust))
out <- file.path(holdout, "data", "parameters")
dir.create(out, showWarnings = FALSE)
noise <- list(noise = seq(1, nrow(faithful), by = 10))
models <- list(
  several = Mclust(faithful, G = 3, modelNames = "VEV", verbose = FALSE),
  one_component = Mclust(faithful, G = 1, modelNames = "VVV", verbose = FALSE),
  one_column = Mclust(faithful$waiting, G = 2, modelNames = "V", verbose = FALSE),
  one_variance = Mclust(faithful$waiting, G = 2, modelNames = "E", verbose = FALSE),
  noise = Mclust(faithful, G = 2, modelNames = "VVE", initialization = noise, verbose = FALSE)
)
for (name in names(models)) write.csv(unlist(models[[name]]$parameters), file.path(out, paste0(name, ".csv")))
p <- models$several$parameters
rows <- data.frame(pro = p$pro, mean = t(p$mean), sigma = t(matrix(p$variance$sigma, ncol = 3)), modelName = "VEV")
write.csv(rows, file.path(out, "several_rows.csv"))
# m$loglik is that before the last M-step, which matters for models that converged less far
for (name in c("one_column", "one_variance")) {
  m <- models[[name]]
  models[[name]]$loglik <- sum(dens(data = faithful$waiting, modelName = m$modelName, parameters = m$parameters, logarithm = TRUE))
}
write_json(c(lapply(models, function(m) m$loglik), several_rows = models$several$loglik), file.path(out, "log_likelihoods.json"))
