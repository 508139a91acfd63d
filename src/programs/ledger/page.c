/*
 * page.c - page.html, as part of the program
 *
 * The assembler takes the file in as it is: so the page is a file that a browser can
 * open, an editor knows and no build step translates. It is found through -Isrc.
 *
 * The page shows names from elsewhere, as text. Should it ever take one for HTML, the
 * browser still runs no script but ours, which it knows by its hash: who changes the
 * script changes the hash here, and test_ledger_api.c says to what. Nobody may put the
 * page into a frame of his own, or talk to anybody else from it.
 */
#include "page.h"

__asm__(".pushsection .rodata, \"a\", %progbits\n"
	".globl page_html\n"
	".hidden page_html\n"
	".type page_html, %object\n"
	".globl page_html_len\n"
	".hidden page_html_len\n"
	".type page_html_len, %object\n"
	"page_html:\n"
	"	.incbin \"programs/ledger/page.html\"\n"
	"page_html_end:\n"
	"	.byte 0\n"
	"	.size page_html, . - page_html\n"
	"	.balign 8\n"
	"page_html_len:\n"
	"	.quad page_html_end - page_html\n"
	"	.size page_html_len, 8\n"
	".popsection\n");

const char page_headers[] =
	"Cache-Control: no-cache\r\n"
	"Content-Security-Policy: default-src 'none'; connect-src 'self'; "
	"img-src data:; style-src 'unsafe-inline'; "
	"script-src 'sha256-WTTTofG3UEgVw5ElY5hLwnetp0U3pGD03U0OmuCgmHk='; "
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
	"X-Frame-Options: DENY\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n";

_Static_assert(sizeof(page_html_len) == 8, "a .quad is a size_t");
