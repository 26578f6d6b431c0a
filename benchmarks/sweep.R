# The sweep of mclust over its structures and 1 to 9 components of the table in a CSV file, numeric columns alone:
# seconds of processor and clock (without the start of R), the structure and components that it chose, and BIC as gmix
# counts it. A second argument asks for its conjugate prior.
suppressMessages(library(mclust))
asked <- commandArgs(trailingOnly = TRUE)
table <- read.csv(asked[1])
x <- table[, sapply(table, is.numeric), drop = FALSE]
invisible(Mclust(x, G = 1, verbose = FALSE))
prior <- if (length(asked) > 1) priorControl() else NULL
spent <- system.time(found <- Mclust(x, G = 1:9, prior = prior, verbose = FALSE))
cat(spent[["user.self"]] + spent[["sys.self"]], spent[["elapsed"]], found$modelName, found$G, format(-found$bic, digits = 10), "\n")
