/* For Windows: what stands there is in posix.h. */
