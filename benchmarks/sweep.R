# The sweep of mclust over its structures and 1 to 9 components of the table in a CSV file, numeric columns alone:
# seconds of processor and clock (without the start of R), the structure and components that it chose, and BIC as gmix
# counts it.
suppressMessages(library(mclust))
table <- read.csv(commandArgs(trailingOnly = TRUE)[1])
x <- table[, sapply(table, is.numeric), drop = FALSE]
invisible(Mclust(x, G = 1, verbose = FALSE))
spent <- system.time(found <- Mclust(x, G = 1:9, verbose = FALSE))
cat(spent[["user.self"]] + spent[["sys.self"]], spent[["elapsed"]], found$modelName, found$G, format(-found$bic, digits = 10), "\n")
