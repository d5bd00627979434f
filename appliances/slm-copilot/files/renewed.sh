#!/bin/sh
# Called by certbot after the certificate was renewed.
exec systemctl reload nginx.service
