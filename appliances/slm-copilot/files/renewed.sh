#!/bin/sh
# Run by certbot when it has renewed the certificate.
exec systemctl reload nginx.service
