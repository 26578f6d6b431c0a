// Symmetric positive definite (D, D) matrices, row after row.
#pragma once

#include <cstddef>

namespace gmix {

// The lower Cholesky factor L of a covariance; deviation (D) is work space. False if it is not positive definite.
// It is factored as a correlation, which keeps columns of very different scales apart.
bool factor_covariance(const double* covariance, double* factor, double* deviation, std::size_t d);

// The inverse W of the Cholesky factor, and the log-determinant of the matrix; false if it is not positive definite.
bool whitener_of(const double* matrix, std::size_t d, double* whitener, double& log_determinant);

// W' W, the inverse of the matrix that W whitens.
void inverse_from_whitener(const double* whitener, std::size_t d, double* inverse);

// False if the matrix is not positive definite.
bool invert_definite(const double* matrix, double* inverse, std::size_t d);
bool log_determinant_of(const double* matrix, std::size_t d, double& log_determinant);

// Eigenvalues of a symmetric matrix, ascending, and the eigenvectors in the columns of `vectors`, by Jacobi's
// rotations. The matrix is overwritten.
void eigen(double* matrix, std::size_t d, double* values, double* vectors);

// Rotate columns, or rows, p and q of a (D, D) matrix.
void rotate_columns(double* matrix, std::size_t d, std::size_t p, std::size_t q, double cosine, double sine);
void rotate_rows(double* matrix, std::size_t d, std::size_t p, std::size_t q, double cosine, double sine);

}  // namespace gmix
