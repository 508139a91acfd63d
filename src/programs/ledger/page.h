/*
 * page.h - the page that shows the server at work
 */
#ifndef LEDGER_PAGE_H
#define LEDGER_PAGE_H

#include <stddef.h>

/* HTML in UTF-8. A NUL follows, which the length does not count. */
extern const char page_html[];
extern const size_t page_html_len;

/* What a browser has to be told of it: Content-Security-Policy and such. */
extern const char page_headers[];

#endif
