/*
 * url.h - what the layer has to know of a URL
 */
#ifndef EIDER_DB_URL_H
#define EIDER_DB_URL_H

#include <stdbool.h>

/* Does @url begin with @scheme and a ':', and go on? @scheme may be NULL: no. */
bool eider__url_has_scheme(const char *url, const char *scheme);

/* @url without passwords, from malloc(); NULL if there is no memory. */
char *eider__url_redact(const char *url);

#endif
